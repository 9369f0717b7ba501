//! Things drawn in a `Rect`: they know roles and cells, never the model.

mod brush;
mod editor;
mod field;
mod input;
mod screen;
mod secret;

pub use brush::{Brush, clean, fill, frame, select, short_name, width, wrap};
pub use editor::Editor;
pub use input::Input;
pub use screen::{ScreenView, Window, window};
pub use secret::{SecretInput, TooLong};
