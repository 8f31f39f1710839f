"""What a campaign is shown as: on the console, as a page, as JSON lines, as a JSON object, as a line of progress."""
