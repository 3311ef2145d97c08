//! Level-2 cases: what each role does next.
