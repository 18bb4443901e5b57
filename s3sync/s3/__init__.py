"""The only room that talks to S3."""
