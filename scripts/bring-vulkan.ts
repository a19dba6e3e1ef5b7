// Fetches the Vulkan build of llama.cpp to the place where its tests look. They skip without it, and without a device.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bringVulkanBuild } from '@ogong/engine/llama-cpp/vulkan-build';

await bringVulkanBuild(join(homedir(), '.ogong', 'engine'));
