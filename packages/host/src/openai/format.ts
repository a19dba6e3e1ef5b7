import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { Identity } from '@ogong/protocol/modality/text/dialect/completion-formats';

export type Json = Readonly<Record<string, unknown>>;

/** Names of an answer that begins now. @param random 18 bytes. */
export function createIdentity(
  endpoint: Endpoint,
  { model, nowMs, random }: { readonly model: string; readonly nowMs: number; readonly random: Uint8Array },
): Identity {
  const id = `${ENDPOINT_INFO[endpoint].idPrefix}-${Buffer.from(random).toString('base64url')}`;
  return { id, created: Math.floor(nowMs / 1000), model };
}

export interface ListedModel {
  readonly id: string;
  /** Unix time, s. */
  readonly created: number;
  readonly ownedBy: string;
  /** Tokens of prompt and answer together; undefined if it is not known, or if the model reads none. */
  readonly contextSize?: number | undefined;
}

/** @returns the model as OpenAI shows it, and its context as OpenRouter does: agents read it there. */
export const formatModel = ({ id, created, ownedBy, contextSize }: ListedModel): Json => ({
  id,
  object: 'model',
  created,
  owned_by: ownedBy,
  ...(contextSize !== undefined && contextSize > 0 && { context_length: contextSize }),
});

export const formatModelList = (models: readonly Json[]): Json => ({ object: 'list', data: models });
