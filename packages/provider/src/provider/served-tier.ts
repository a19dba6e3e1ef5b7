import type { TextEngineInfo } from '@ogong/engine/interface/text';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findEngineProblem } from '@ogong/protocol/tier/posture';

/** The model is offered in a tier whose promise its engine cannot keep. */
export class TierError extends Error {
  override readonly name = 'TierError';
  readonly code = 'tier-refused';
  readonly retryable = false;
}

/** Why this engine cannot serve the model id's tier, in words for the operator; undefined where it can. */
export function findServingProblem(
  modelId: string,
  info: Pick<TextEngineInfo, 'numericClass' | 'exact'>,
): string | undefined {
  const problem = findEngineProblem(parseModelId(modelId).tier, info);
  return problem && `${modelId} cannot be served: ${problem}`;
}

/** @throws TierError */
export function assertServesTier(modelId: string, info: Pick<TextEngineInfo, 'numericClass' | 'exact'>): void {
  const problem = findServingProblem(modelId, info);
  if (problem !== undefined) throw new TierError(problem);
}
