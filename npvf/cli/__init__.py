"""`npvf COMMAND`: one file for each command, imported only when the command is called."""
