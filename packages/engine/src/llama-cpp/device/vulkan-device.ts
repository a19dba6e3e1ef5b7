import koffi from 'koffi';
import { EngineError } from '../../interface/engine-error.ts';
import type { GpuDevice } from '../library.ts';
import { allocateNative } from './native-memory.ts';

/** Sizes and offsets are those of vulkan_core.h on 64-bit machines, Vulkan 1.2. ggml names the device, but not its driver. */
const LOADER = process.platform === 'win32' ? 'vulkan-1.dll' : 'libvulkan.so.1';
const API_1_2 = (1 << 22) | (2 << 12);
const TYPES = { instanceCreateInfo: 1, properties2: 1_000_059_001, driverProperties: 1_000_196_000 };
const NAME_BYTES = 256;
const MAX_DEVICES = 16;
/** VkPhysicalDeviceType. */
const KINDS = ['unknown', 'integrated', 'discrete', 'virtual', 'software'] as const;
const INSTALL = 'on Debian or Ubuntu: apt-get install libvulkan1 mesa-vulkan-drivers';

/** @throws EngineError('unsupported-model') that says what to install. */
export function listVulkanDevices(): GpuDevice[] {
  const library = openLoader();
  const createInstance = library.func('int vkCreateInstance(void *info, void *allocator, _Out_ void **instance)');
  const destroyInstance = library.func('void vkDestroyInstance(void *instance, void *allocator)');
  const enumerate = library.func(
    'int vkEnumeratePhysicalDevices(void *instance, _Inout_ uint32 *count, void *devices)',
  );
  const describe = library.func('void vkGetPhysicalDeviceProperties2(void *device, void *properties)');

  const application = allocateNative(48, (bytes) => new DataView(bytes));
  application.view.setUint32(44, API_1_2, true);
  const info = allocateNative(64, (bytes) => new DataView(bytes));
  info.view.setUint32(0, TYPES.instanceCreateInfo, true);
  info.view.setBigUint64(24, application.address, true);
  const instance: unknown[] = [null];
  const code = createInstance(info.pointer, null, instance) as number;
  if (code !== 0)
    throw new EngineError('unsupported-model', `Vulkan found no driver (code ${code}); install one, ${INSTALL}`);
  try {
    const handles = allocateNative(8 * MAX_DEVICES, (bytes) => new BigUint64Array(bytes));
    const count = [MAX_DEVICES];
    enumerate(instance[0], count, handles.pointer);
    return Array.from({ length: count[0] as number }, (_, index) => {
      const driver = allocateNative(536, (bytes) => new Uint8Array(bytes));
      const properties = allocateNative(1024, (bytes) => new Uint8Array(bytes));
      viewOf(driver.view).setUint32(0, TYPES.driverProperties, true);
      viewOf(properties.view).setUint32(0, TYPES.properties2, true);
      viewOf(properties.view).setBigUint64(8, driver.address, true);
      describe(handles.view[index], properties.pointer);
      const kind = KINDS[viewOf(properties.view).getUint32(32, true)] ?? 'unknown';
      return { backend: 'vulkan', index, name: textAt(properties.view, 36), driver: textAt(driver.view, 276), kind };
    });
  } finally {
    destroyInstance(instance[0], null);
  }
}

function openLoader(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(LOADER);
  } catch (cause) {
    throw new EngineError('unsupported-model', `the Vulkan loader ${LOADER} is not installed; ${INSTALL}`, { cause });
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function textAt(bytes: Uint8Array, at: number): string {
  const text = Buffer.from(bytes.subarray(at, at + NAME_BYTES)).toString('latin1');
  return text.replace(/\0.*$/s, '');
}
