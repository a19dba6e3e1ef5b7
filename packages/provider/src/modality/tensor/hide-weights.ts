import type { TensorEngine, TensorInfo } from '@ogong/engine/interface/tensor';

/** Place of the kernel path in a numeric class. */
const PATH_PART = 3;
const SIGNED = 'signed';

/** A model that is known by its name alone. Like a server behind a provider it shows no draws. */
interface NamedInfo extends TensorInfo {
  readonly capabilities: { readonly draws: false };
}

/**
 * Wraps an engine whose owner shows nobody the weights. Nobody can run such a model again, so its class is not exact.
 * @param modelRoot of the model's name, 32 bytes.
 */
export function hideWeights(engine: TensorEngine, modelRoot: Uint8Array): TensorEngine {
  const info = (): NamedInfo => {
    const { numericClass, ...rest } = engine.info();
    const parts = numericClass.split('/').with(PATH_PART, SIGNED);
    return { ...rest, modelRoot, numericClass: parts.join('/'), exact: false, capabilities: { draws: false } };
  };
  return { ...engine, info };
}
