{
  "error": {
    "message": "human readable message",
    "type": "machine_readable_type",
    "code": "machine_readable_type",
    "param": null
  }
}
