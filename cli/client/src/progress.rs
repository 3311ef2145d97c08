//! How long actions tell what they are doing, without knowing who listens.

/// Whoever wants to know how far an action is.
pub trait Progress: Send + Sync {
    /// Takes one line about what is going on.
    fn say(&self, line: &str);

    /// Shows how far a step of `length` parts is, until the bar is finished.
    fn bar(&self, length: u64, message: &str) -> Box<dyn ProgressBar> {
        let _ = (length, message);
        Box::new(Unseen)
    }
}

/// How far one step of an action is.
pub trait ProgressBar: Send {
    /// Sets how many parts are done.
    fn at(&self, position: u64);

    /// Sets the words beside the bar.
    fn message(&self, message: String);

    /// Takes the bar away.
    fn finish(&self);
}

/// A bar that nobody sees.
struct Unseen;

impl ProgressBar for Unseen {
    fn at(&self, _: u64) {}

    fn message(&self, _: String) {}

    fn finish(&self) {}
}
