// Macros that only the channel handler uses.
#pragma once
