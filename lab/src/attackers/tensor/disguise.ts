import type { TensorEngine, TensorInfo, TensorRun } from '@ogong/engine/interface/tensor';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';

/** One way to cheat with tensors: a provider that sells `sold` and answers something else. */
export interface TensorAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** Id of the check that fails when the verifier runs the provider's exact class. */
  readonly caughtBy: string;
  /** @param cheap the model that some attacks compute with instead. */
  create(sold: TensorEngine, cheap: TensorEngine): TensorEngine;
}

/** An engine that poses as `sold` and answers with the outputs of `run`. */
export function disguiseTensors(
  sold: TensorEngine,
  run: (request: TensorRun) => Promise<readonly Tensor[]>,
  posed: Partial<TensorInfo> = {},
): TensorEngine {
  const info = () => ({ ...sold.info(), ...posed });
  return {
    ...sold,
    info,
    async run(request) {
      const { numericClass, exact } = info();
      return { outputs: await run(request), numericClass, exact, elapsedMs: 0 };
    },
  };
}
