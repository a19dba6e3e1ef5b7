import type { TextEngineInfo } from '@ogong/engine/interface/text';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findEngineProblem } from '@ogong/protocol/tier/posture';
import { getTier, isAttestedTier } from '@ogong/protocol/tier/registry';

/** The model is offered in a tier whose promise its engine cannot keep. */
export class TierError extends Error {
  override readonly name = 'TierError';
  readonly code = 'tier-refused';
  readonly retryable = false;
}

/** Embedding engines have no draws, and need none. */
type ServingFacts = Pick<TextEngineInfo, 'numericClass' | 'exact'> & {
  readonly capabilities?: { readonly draws?: boolean };
};

/** Checks that the engine can show the content of the tier's windows. */
function findWindowsProblem(name: string, { capabilities }: ServingFacts): string | undefined {
  const shows = capabilities?.draws === false ? 'tokens' : 'draws';
  const { windows } = getTier(name);
  if (windows === shows) return undefined;
  return shows === 'tokens'
    ? `tier ${name} takes the candidates of every token and sketches, and the server behind it shows none; serve it in tier vanilla`
    : `tier ${name} is for servers that show no candidates; this engine shows them, so serve the model in tier verified`;
}

/** Why this engine cannot serve the model id's tier, in words for the operator; undefined if it can. */
export function findServingProblem(modelId: string, info: ServingFacts): string | undefined {
  const { tier } = parseModelId(modelId);
  const problem = findEngineProblem(tier, info) ?? findWindowsProblem(tier, info);
  return problem && `${modelId} cannot be served: ${problem}`;
}

/** @throws TierError */
export function assertServesTier(modelId: string, info: ServingFacts): void {
  const problem = findServingProblem(modelId, info);
  if (problem !== undefined) throw new TierError(problem);
}

/** @throws TierError if the tier takes evidence of the machine, and nothing here can make it. */
export function assertShowsMachine(modelId: string, hasAttester: boolean): void {
  const { tier } = parseModelId(modelId);
  if (hasAttester || !isAttestedTier(tier)) return;
  throw new TierError(
    `${modelId} cannot be served: tier ${tier} takes evidence of this machine; say by --tee how it is made`,
  );
}
