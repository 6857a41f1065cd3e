"""The touchscreen: shows the views of the flows and reports what a person does."""
