// Fetches ONNX Runtime, native and in WebAssembly, to the place where its tests look. They skip without it.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bringOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';

const engineDir = join(homedir(), '.ogong', 'engine');
await bringOnnxRuntime('cpu', engineDir);
await bringOnnxRuntime('wasm', engineDir);
