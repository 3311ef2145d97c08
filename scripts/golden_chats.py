"""Writes what transformers makes of chat templates, for `cargo test` to compare with; needs scripts/bench-requirements.txt.

usage: python scripts/golden_chats.py             (writes prover/engine/tests/golden/chats.json)
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

OUT = Path(__file__).resolve().parent.parent / "prover/engine/tests/golden/chats.json"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "additional_special_tokens": ["<a>", "<b>"]}
CHATS = {
    "one": [{"role": "user", "content": "Hi there, is it <b>so</b> & 'fine' café?"}],
    "turns": [{"role": "user", "content": "Hi you"}, {"role": "assistant", "content": "a cat sat"}, {"role": "user", "content": "  Who was it?\n"}],
    "system": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello \"you\"\\ they're 2nd\tto no-one\r\n\n\U0001f600\x7f\x01"}],
}
EACH = "{%- for m in messages %}{{ BODY }}|{%- endfor %}"
# Whole templates.
TEMPLATES = {
    "bos_in_text": "<s>{%- for m in messages %}{{ m.content }}</s>{%- endfor %}",
    "break_continue": "{%- for m in messages %}{%- if m.role == 'system' %}{%- continue %}{%- endif %}{{ m.content }}{%- if loop.index0 > 2 %}{%- break %}{%- endif %}{%- endfor %}",
    "dict_get": "{%- for m in messages %}{{ m.get('name', 'nobody') }}:{{ m.get('content') }}{%- for k, v in m.items() %};{{ k }}={{ v }}{%- endfor %}{%- endfor %}",
    "is_string": "{%- for m in messages %}{%- if m.content is string %}{{ m.content }}{%- elif m.content is iterable %}{%- for p in m.content %}{{ p.text }}{%- endfor %}{%- endif %}{%- endfor %}",
    "kwarg_default": "{%- set enable_thinking = enable_thinking if enable_thinking is defined else true %}{%- if enable_thinking is true %}T{%- else %}F{%- endif %}{%- for m in messages %}{{ m.content }}{%- endfor %}",
    "macro_def": "{%- macro turn(m) -%}<{{ m.role }}>{{ m.content | trim }}</{{ m.role }}>{%- endmacro -%}{%- for m in messages %}{{ turn(m) }}\n{% endfor %}",
    "mod_alt": "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}",
    "neg_range": "{%- for i in range(messages|length - 1, -1, -1) %}{{ messages[i].content }}|{%- endfor %}",
    "neg_step": "{%- set ns = namespace(last=-1) %}{%- for m in messages[::-1] %}{%- set i = (messages|length - 1) - loop.index0 %}{%- if ns.last == -1 and m.role == 'user' %}{%- set ns.last = i %}{%- endif %}{%- endfor %}{%- for m in messages %}[{{ m.role }}{% if loop.index0 == ns.last %} last{% endif %}]{{ m.content }}{%- endfor %}",
    "reasoning": "{%- for m in messages %}{%- if m.reasoning_content is defined and m.reasoning_content is not none %}R{%- endif %}{%- if '</think>' in m.content %}X{%- endif %}{{ m.content }}{%- endfor %}",
    "selectattr": "{%- set u = messages | selectattr('role','equalto','user') | list %}{{ u | length }}{{ u[-1]['content'] }}{{ (messages | map(attribute='role') | join(',')) }}",
    "slice_index": "{%- if messages[0]['role'] == 'system' %}{%- set sys = messages[0]['content'] %}{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}{{ rest[0].content }}{{ rest[-1]['content'] }}",
    "str_methods": "{%- for m in messages %}{%- if m.content.startswith('Hi') %}{{ m.content.split('o')[-1].lstrip().rstrip('?').upper() }}{%- else %}{{ m.content.replace('a','b').title() }}{%- endif %}{%- endfor %}",
    "tool_calls": "{%- for m in messages %}{%- if m.tool_calls is none or m.tool_calls is not defined %}{{ m.content }}{%- else %}CALLS{%- endif %}{%- endfor %}",
    "whitespace": "\n{% for m in messages %}\n    {{ m.content }}\n  {# note #}\n{% endfor %}\n",
    "line_ends": "{% for m in messages %}\r\n{{ m.role }}\r\n{%- endfor %}\r\nend\r\n",
    "generation": "{%- for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}\n{%- generation -%} x {%- endgeneration -%}{%- endfor %}",
    "fmt": "{%- for m in messages %}{{ '%s says %s' % (m.role, m.content) }}{{ '{} {}'.format(m.role, 1) }}{%- endfor %}",
    "no_tools": "{%- if tools is not none and tools %}T{% endif %}{{ tools is defined }}{{ tools is none }}{{ tools }}{% if documents %}D{% endif %}{{ documents }}{{ documents is none }}",
    "variables": "{{ unk_token }}{{ pad_token is defined }}{{ pad_token }}{{ additional_special_tokens }}{{ additional_special_tokens[1] }}{{ add_generation_prompt }}{{ custom_tools is defined }}{{ date_string is undefined }}{{ chat_template is defined }}",
    "raised": "{{ raise_exception('no: ' ~ messages[0].role) }}",
    "undefined_attribute": "{{ messages[0].nothing.more }}",
    "undefined_sum": "{{ 'a' + nothing }}",
    "undefined_call": "{{ nothing() }}",
    "list_append": "{{ messages.append(1) }}",
    "unknown_filter": "{{ 'a' | no_such_filter }}",
    "json_undefined": "{{ messages[0].nothing | tojson }}",
    "namespaces": "{%- set ns = namespace(found=false, text='', n=0) %}{%- for m in messages %}{%- set ns.n = ns.n + 1 %}{%- set ns.text = ns.text ~ m.role[0] %}{%- if m.role == 'user' and not ns.found %}{%- set ns.found = true %}{%- endif %}{%- endfor %}{{ ns.n }}{{ ns.text }}{{ ns.found }}",
    "loop_scope": "{%- set x = 1 %}{%- for m in messages %}{%- set x = x + 1 %}{{ x }}{%- endfor %}{{ x }}",
    "call_block": "{%- macro wrap(a, b='z') %}<{{ a }}{{ b }}{{ caller() }}>{% endmacro %}{% call wrap(1) %}in{% endcall %}{% call wrap(2, b=3) %}{{ messages[0].role }}{% endcall %}",
    "macro_arguments": "{%- macro f(a, b=2) %}[{{ a }},{{ b }},{{ varargs }},{{ kwargs }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=5) }}",
    "set_block": "{%- set text %}  {{ messages[0].role }} {% endset %}[{{ text }}][{{ text | trim }}]",
    "filter_block": "{% filter upper %}a{{ messages[0].role }}{% endfilter %}",
    "for_else": "{% for m in messages if m.role == 'tool' %}{{ m }}{% else %}none{% endfor %}",
    "loops": "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem.role if loop.previtem is defined }}{{ loop.nextitem.role if loop.nextitem }}{{ loop.cycle('x', 'y') }}{{ loop.changed(m.role) }};{% endfor %}",
    "nested_loops": "{% for m in messages %}{% for w in m.content.split() %}{{ loop.index }}{{ w }}{% if not loop.last %},{% endif %}{% endfor %};{% endfor %}",
    "recursive": "{% for x in [1, [2, [3]]] recursive %}{% if x is number %}{{ x }}{% else %}({{ loop(x) }}){% endif %}{% endfor %}",
    "unpacking": "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}-{{ b }};{% endfor %}{% set x, y = 5, 6 %}{{ x }}{{ y }}",
    "raw_block": "{% raw %}{{ '%s' % x }}{% endraw %}{{ '%s' % 1 }}",
    "comments": "a{# one #}b{#- two -#}  c\n{# three #}\nd",
    "plus_sign": "  {%+ if true %}a{% endif +%}\nb",
    "trailing": "a\n\n",
    "helpers": "{% set j = joiner('|') %}{% for m in messages %}{{ j() }}{{ m.role }}{% endfor %}{{ dict(a=1, b=2) }}",
    "cycled": "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}",
    "braces": "{{ {'a': {'b': 1}} }}{{ {'x': messages[0].role}['x'] }}",
}
# Expressions, each written for every message `m`.
EXPRESSIONS = r"""
m.content | tojson
m.content | tojson(ensure_ascii=True)
m.content | tojson(ensure_ascii=False)
m | tojson
m | tojson(indent=2)
m | tojson(sort_keys=True)
m | tojson(separators=(',', ':'))
m | tojson(indent=4, separators=(',', '='), sort_keys=true)
[1, 2.5, true, none, [], {}, {'b': [1], 'a': 'x'}, 1e3, -7] | tojson
[1, 2.5, true, none, [], {}, {'b': [1], 'a': 'x'}] | tojson(indent=2)
{5: 2, none: 3, true: 4, 'x': (1, 2)} | tojson
m
[m.role, 1, 2.0, none, true, "it's", 'q"q']
{'a': m.role, 'b': [1, (2, 3)]}
(m.role, 1)
(1,)
m.items() | list
m.keys() | list
m.values() | list
m | length
m | items | list
m | dictsort
m | list
'%s: %s' % (m.role, m.content)
'%s' % m.role
'%d-%03d-%5.2f-%x-%e' % (1, 7, 3.14159, 255, 12345.678)
'%-6s|%6s|' % (m.role, 'ab')
'%r' % m.role
'%s %s' % (true, none)
'%%' % ()
'%d%%' % 5
'a' ~ '%s' % m.role ~ 'b'
'%s' % m.role | upper
'%s' % (m.role | upper)
'%s' % (1 + 2)
'%s' % [1, 2]
'%s' | format(m.role)
'%s and %s' | format(1, 'b')
'%(a)s' | format(a=1)
'{} {}'.format(m.role, 1)
'{0}{1}{0} {x}'.format(1, 2, x=m.role)
'{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}'.format('a', 'b', 'c', 42, 2.5)
7 % 3
-7 % 3
7 // 2
-7 // 2
7 / 2
2 ** 3
1 + 2 * 3
(1 + 2) * 3
'ab' * 2
1.0
2.50
10 / 5
1e3
3 == 3.0
1 < 2 < 3
'a' in m.content
'a' not in m.content
m.role in ['user', 'tool']
'role' in m
m.role is in(['user'])
m.content.strip()
m.content.lstrip()
m.content.rstrip('?\n')
m.content.split()
m.content.split(' ', 1)
m.content.split('a')
m.content.rsplit(' ', 1)
m.content.rsplit()
m.content.splitlines()
m.content.splitlines(True)
m.content.upper()
m.content.lower()
m.content.title()
m.content.capitalize()
m.content.swapcase()
m.content.replace('i', 'o', 1)
m.content.find('i')
m.content.rfind('i')
m.content.count('i')
m.content.startswith(('Hi', 'Be'))
m.content.endswith('?')
m.content.removeprefix('Hi')
m.content.removesuffix('sat')
m.content.partition(' ')
m.content.rpartition(' ')
m.content.isdigit()
m.content.isalpha()
m.content.isspace()
m.role.islower()
m.role.center(11, '*')
m.role.ljust(12) ~ '|'
m.role.rjust(12)
'-42'.zfill(6)
'12'.isdecimal()
'-'.join(['a', 'b'])
[1, 2, 1].count(1)
[1, 2, 1].index(2)
m.get('nothing')
m.get('nothing', 'x')
m['nothing'] is defined
m.nothing
m.nothing is undefined
m.nothing is none
m.nothing | default('d')
m.nothing or 'd'
'' | default('d')
'' | default('d', true)
none | default('d')
not m.nothing
m.content[0]
m.content[-1]
m.content[1:4]
m.content[::-1]
m.content[:-2]
m.content | length
m.content | trim
m.content | upper
m.content | lower
m.content | title
m.content | capitalize
m.content | replace('i', 'o')
m.content | e
m.content | escape | upper
m.content | safe
m.content | string
m.content | first
m.content | last
m.content | list
m.content | reverse
m.content | indent(2)
m.content | indent(2, true)
m.content | truncate(8)
m.content | wordcount
m.content | urlencode
m.content | center(50)
m.content | striptags
m.content | forceescape
m.content is string
m.content is iterable
m.content is sequence
m.content is mapping
m.content is number
m.content is defined
m is mapping
m is sequence
m is iterable
[1] is sequence
(1, 2) is sequence
m.nothing is iterable
m.nothing is sequence
1 is number
true is number
true is integer
1 is integer
1.0 is float
1 is odd
2 is even
4 is divisibleby(2)
true is boolean
true is true
false is false
none is none
m.role is eq('user')
m.role is equalto 'user'
m.role is sameas m.role
'a' is lower
'A' is upper
raise_exception is callable
m.role is callable
'upper' is filter
'odd' is test
5 is gt(3)
5 is ge(5)
3 is lessthan(4)
[3, 1, 2] | sort
[3, 1, 2] | sort(reverse=true)
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true)
[1, 1, 2] | unique | list
[1, 2, 3] | sum
[1, 2, 3] | max
[1, 2, 3] | min
[1, 2, 3] | first
[1, 2, 3] | last
[1, 2, 3] | reverse | list
[1, 2, 3] | join('-')
[1, none, true] | join(',')
[1, 2, 3, 4] | batch(3) | list
[1, 2, 3, 4] | slice(2) | list
[1, 2, 3] | select('odd') | list
[1, 2, 3] | reject('odd') | list
[1, 2, 3] | map('string') | list
['a', 'b'] | map('upper') | join
messages | map(attribute='role') | list
messages | selectattr('role', 'eq', 'user') | map(attribute='content') | first
messages | rejectattr('role', 'eq', 'user') | list | length
messages | selectattr('nothing') | list
messages | groupby('role') | list | length
messages | first | length
messages[-1].role
messages[0]['role']
messages[1:] | length
messages[:-1] | map(attribute='role') | join(',')
messages | length > 1
'3' | int
'x' | int
'x' | int(7)
'3.7' | float
3.7 | int
2.5 | round
2.567 | round(2)
2.1 | round(0, 'ceil')
-3 | abs
'a,b' | replace(',', ';')
12345 | string
[1, 2] + [3]
(1, 2) + (3,)
'a' + 'b'
'a' ~ 1 ~ none ~ true
1 if m.role == 'user' else 2
(1 if m.role == 'user')
range(3) | list
range(1, 10, 3) | list
range(5, 0, -2) | list
1 == 1.0 and 'a' == 'a'
none == false
'10' == 10
[] or 'empty'
{} and 1
not []
'a' if '' else 'b'
"a\\tb\\n'c'"
'é\\u00e9\\x41'
'x' 'y'
1_000
m.content | map('upper') | join
m.content | select('in', 'aeiou') | join
m.content | tojson | length
'x' | float
'a\\u2028b'.splitlines()
'a\\u2028b' | tojson
'-4.9' | int
'abc def ghi jkl' | truncate(9, true)
strftime_now is defined
strftime_now('%%')
strftime_now('') ~ 'x'
namespace(a=1).a
dict(a=1).a
dict([('a', 1)])
loop.index is odd
""".strip().split("\n")


def rendered(template, chat):
    """The text, or that there is an error."""
    try:
        texts, _ = render_jinja_template([chat], chat_template=template, add_generation_prompt=True, **TOKENS)
        return {"text": texts[0]}
    except Exception as error:
        return {"error": str(error)}


if __name__ == "__main__":
    templates = dict(TEMPLATES) | {expression: EACH.replace("BODY", expression) for expression in EXPRESSIONS}
    cases = [{"name": name, "template": template, "rendered": {chat: rendered(template, messages) for chat, messages in CHATS.items()}}
             for name, template in templates.items()]
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUT.write_text(f'{{"tokens": {json.dumps(TOKENS)},\n"chats": {json.dumps(CHATS)},\n"cases": [\n{lines}\n]}}\n')
