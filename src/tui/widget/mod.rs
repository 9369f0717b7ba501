//! Things drawn in a `Rect`: they know roles and cells, never the model.

mod brush;
mod input;
mod screen;
mod secret;

pub use brush::{Brush, clean, fill, frame, select, width, wrap};
pub use input::Input;
pub use screen::{ScreenView, Window, window};
pub use secret::{SecretInput, TooLong};
