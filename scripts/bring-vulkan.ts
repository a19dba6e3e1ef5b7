// Fetches the Vulkan build of llama.cpp to the place where its tests look. They skip without it, and without a device.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bringGpuBuild } from '@ogong/engine/llama-cpp/device/gpu-build';

await bringGpuBuild('vulkan', join(homedir(), '.ogong', 'engine'));
