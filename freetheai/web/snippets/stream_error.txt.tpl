data: {"error":{"message":"…","type":"provider_error","code":"provider_error","param":null}}

data: [DONE]
