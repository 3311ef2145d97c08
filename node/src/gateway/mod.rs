//! The metering gateway in front of an OpenAI-compatible upstream.
