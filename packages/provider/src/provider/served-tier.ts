import type { TextEngineInfo } from '@ogong/engine/interface/text';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findTierProblem } from '@ogong/protocol/exchange/posture';

/** The model is offered in a tier that its engine cannot keep the promise of. */
export class TierError extends Error {
  override readonly name = 'TierError';
  readonly code = 'tier-refused';
  readonly retryable = false;
}

/** Why this engine cannot serve the model id's tier, in words for the operator; undefined where it can. */
export function findServingProblem(
  modelId: string,
  { numericClass, exact }: Pick<TextEngineInfo, 'numericClass' | 'exact'>,
): string | undefined {
  const { tier } = parseModelId(modelId);
  if (tier === 'replay' && !exact) {
    return (
      `tier replay is refused: this engine was not seen to reproduce itself bit for bit (numeric class ${numericClass}); ` +
      'serve the model with exact kernels, or in tier verified'
    );
  }
  const problem = findTierProblem(tier, numericClass);
  return problem && `${modelId} cannot be served: ${problem}`;
}

/** @throws TierError */
export function assertServesTier(modelId: string, info: Pick<TextEngineInfo, 'numericClass' | 'exact'>): void {
  const problem = findServingProblem(modelId, info);
  if (problem !== undefined) throw new TierError(problem);
}
