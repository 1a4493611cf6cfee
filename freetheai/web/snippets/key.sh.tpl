export {{ key_variable }}="fta_your_key_here"
