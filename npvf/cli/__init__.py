"""`npvf COMMAND`: one small file a command, loaded only when it is called."""
