// Fetches the Vulkan build of llama.cpp, where its tests look for it: they skip without it, and without a device.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bringVulkanBuild } from '@ogong/engine/llama-cpp/vulkan-build';

await bringVulkanBuild(join(homedir(), '.ogong', 'engine'));
