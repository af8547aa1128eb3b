//! Values as YAML: objects and lists indented, texts of several lines as blocks, everything else as in JSON.

use serde_json::Value;

/// The whole.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, value, 0);
    text
}

/// The lines of an object or list; its first line may stand behind what is there already.
fn push(text: &mut String, value: &Value, depth: usize) {
    let margin = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (place, (name, field)) in fields.iter().enumerate() {
                let begun = place == 0 && text.ends_with("- ");
                text.push_str(if begun { "" } else { &margin });
                text.push_str(&format!("{name}:"));
                push_field(text, field, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{margin}- "));
                match item {
                    Value::Object(_) => push(text, item, depth + 1),
                    plain => text.push_str(&format!("{plain}\n")),
                }
            }
        }
        plain => text.push_str(&format!("{plain}\n")),
    }
}

fn push_field(text: &mut String, field: &Value, depth: usize) {
    match field {
        Value::String(block) if block.contains('\n') => {
            text.push_str(" |-\n");
            for line in block.lines() {
                let line = format!("{}{line}", "  ".repeat(depth));
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            push(text, field, depth);
        }
        plain => text.push_str(&format!(" {plain}\n")),
    }
}
