import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { findNearest } from '@ogong/protocol/base/edit-distance';
import { parseJson } from '@ogong/protocol/base/json';
import { listMeant } from '@ogong/protocol/modality/shared/model-names';
import { MAX_MODEL_NAME } from '@ogong/protocol/modality/shared/request-fields';
import type { KeyHolder } from '../books/api-keys.ts';
import { createModelNotFound } from '../buy/match/provider-match.ts';
import type { ModelList } from './model-list.ts';

/** Short names of the models that the network serves, such as `llama3.2` for `ogong/verified/meta/llama-3.2-3b-instruct`. */
export interface ModelNames {
  /**
   * Puts the model's id in place of a short name. A caller that checks its answer gets no other body than its own, so it has to
   * write the id.
   * @throws ApiError `model_not_found` if a name means several models, or if the caller checks its answer.
   */
  resolve(body: Uint8Array, caller: Pick<KeyHolder, 'models' | 'id'>, isChecked: boolean): Promise<Uint8Array>;
  /** Adds the three nearest ids to the error of an unknown model. Returns any other error as it is. */
  explain(error: unknown, caller: Pick<KeyHolder, 'models' | 'id'>): Promise<unknown>;
}

const NEAREST = 3;
const ID = /^ogong\//;

export function createModelNames(models: Pick<ModelList, 'list'>): ModelNames {
  /** None if the router does not answer: a full id needs no list. */
  async function listIds(caller: Pick<KeyHolder, 'models' | 'id'>): Promise<readonly string[]> {
    try {
      return [...new Set((await models.list(caller)).map(({ id }) => String(id)))];
    } catch (error) {
      if (error instanceof ApiError) return [];
      throw error;
    }
  }
  return {
    async resolve(body, caller, isChecked) {
      const fields = readFields(body);
      const typed = fields?.model;
      if (typeof typed !== 'string' || ID.test(typed) || typed.length > MAX_MODEL_NAME) return body;
      const meant = listMeant(
        (await listIds(caller)).map((name) => ({ name })),
        typed,
      ).map(({ name }) => name);
      const [only] = meant;
      if (only === undefined) return body;
      if (meant.length > 1)
        throw createModelNotFound(typed, { because: `it may mean ${meant.slice(0, 8).join(' or ')}` });
      if (isChecked)
        throw createModelNotFound(typed, { because: `an answer is checked against its own request, so write ${only}` });
      return utf8Encode(JSON.stringify({ ...fields, model: only }));
    },
    async explain(error, caller) {
      if (!(error instanceof ApiError) || error.code !== 'model_not_found') return error;
      const typed = /`([^`]*)`/.exec(error.message)?.[1];
      const nearest = typed === undefined ? [] : nearestIds(typed, await listIds(caller));
      if (nearest.length === 0) return error;
      const message = `${error.message} The nearest: ${nearest.join(', ')}.`;
      return new ApiError('model_not_found', message, { cause: error, param: 'model' });
    },
  };
}

/** Lists ids by the distance of the name alone to its last part, or of the whole to an id. */
export function nearestIds(typed: string, ids: readonly string[]): string[] {
  if (ID.test(typed)) return findNearest(typed, ids, NEAREST);
  const byName = new Map(ids.map((id) => [id.slice(id.lastIndexOf('/') + 1), id]));
  return findNearest(typed.toLowerCase(), [...byName.keys()], NEAREST).map((name) => byName.get(name) as string);
}

/** @returns undefined for a body that is no JSON object; its own reader refuses it. */
function readFields(body: Uint8Array): Json | undefined {
  try {
    const value = parseJson(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
