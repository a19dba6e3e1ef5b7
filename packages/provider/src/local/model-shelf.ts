import { ApiError } from '@ogong/host/http/api-error';
import type { ModelDefaults } from '@ogong/models/store';
import type { Named } from './model-names.ts';
import { findNamed } from './model-names.ts';

/** A model that lies on this machine, loaded or not. */
export interface ShelfModel extends Named {
  /** Reference that loads it, in the form of models/source.ts. Two names with one reference share one engine. */
  readonly reference: string;
  /** Its first file. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** 64 hex digits. */
  readonly modelRoot: string;
  /** Messages and settings that requests by this name begin with. */
  readonly defaults?: ModelDefaults;
}

/** All models that can be asked for by name. */
export interface ModelShelf {
  list(): Promise<readonly ShelfModel[]>;
}

/** @throws ApiError `model_not_found` */
export async function findModel(shelf: ModelShelf, typed: unknown): Promise<ShelfModel> {
  if (typeof typed !== 'string' || typed === '') {
    throw new ApiError('invalid_request', 'model is required', { param: 'model' });
  }
  const models = await shelf.list();
  const found = findNamed(models, typed);
  if (found) return found;
  const known = models.map(({ name }) => name).join(', ') || 'none yet';
  const name = JSON.stringify(typed.slice(0, 100));
  throw new ApiError('model_not_found', `model ${name} not found, try pulling it first; there is ${known}`, {
    param: 'model',
  });
}
