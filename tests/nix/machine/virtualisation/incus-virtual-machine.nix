# A stand-in: the disk, the boot loader and the agent of a virtual machine.
{ }
