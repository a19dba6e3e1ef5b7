import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { lookUpTier } from '@ogong/protocol/tier/registry';

/** A model to serve, as the operator names it. */
export interface PlannedOffer {
  /** A file, a name, or a place to download from. */
  readonly model: string;
  readonly modelId: string;
  readonly pricePer1kAtomic: bigint;
  /** Default: it serves nobody who may not take the answer. */
  readonly standbyPer1kAtomic?: bigint | undefined;
}

export interface OfferSettings {
  readonly model: readonly string[];
  readonly modelId: readonly string[];
  /** One for all models, or one for each. */
  readonly price: readonly bigint[];
  /** One for all models, or one for each; undefined in its place for those that do not stand by. Default: none does. */
  readonly standby?: readonly (bigint | undefined)[];
}

/**
 * The nth model has the nth id and the nth price.
 * @param problems problems are added to it.
 */
export function planOffers(
  { model, modelId, price, standby = [] }: OfferSettings,
  problems: string[],
): readonly PlannedOffer[] {
  if (model.length === 0) problems.push('--model is required, each with its --model-id and a --price');
  if (modelId.length !== model.length) {
    problems.push(
      `--model-id: ${modelId.length} given for ${model.length} models; give one for each, in the same order`,
    );
  }
  if (price.length !== 1 && price.length !== model.length) {
    problems.push(`--price: ${price.length} given for ${model.length} models; give one for all, or one for each`);
  }
  if (standby.length > 1 && standby.length !== model.length) {
    problems.push(`--standby: ${standby.length} given for ${model.length} models; give one for all, or one for each`);
  }
  const twice = modelId.find((id, i) => modelId.indexOf(id) !== i);
  if (twice !== undefined) problems.push(`--model-id: ${twice} is given twice`);
  for (const id of modelId) {
    const problem = findIdProblem(id);
    if (problem !== undefined) problems.push(`--model-id: ${problem}`);
  }
  return model.map((reference, i) => ({
    model: reference,
    modelId: modelId[i] ?? '',
    pricePer1kAtomic: price[i] ?? price[0] ?? 0n,
    standbyPer1kAtomic: standby.length === 1 ? standby[0] : standby[i],
  }));
}

/** Finds the reason that a model id cannot be offered; undefined if it can. */
export function findIdProblem(id: string): string | undefined {
  try {
    return lookUpTier(parseModelId(id).tier).refusal;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}
