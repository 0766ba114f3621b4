// Macros that keys, seals and certificates use.
#pragma once
