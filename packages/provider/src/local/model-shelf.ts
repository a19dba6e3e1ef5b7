import { ApiError } from '@ogong/host/http/api-error';
import type { Catalogue } from '@ogong/models/catalogue';
import { listNearestNames, resolveShortName } from '@ogong/models/short-names';
import type { ModelDefaults } from '@ogong/models/store';
import { findNamed, type Named } from '@ogong/protocol/modality/shared/model-names';
import type { MachineLayers } from '../segment/open-machines.ts';

/** A model that lies on this machine, loaded or not. */
export interface ShelfModel extends Named {
  /** Reference that loads it, in the form of models/source.ts. Two names with one reference share one engine. */
  readonly reference: string;
  /** Address of the server that runs it; undefined if this machine does. */
  readonly upstream?: string;
  /** Layers of each machine that computes it; undefined if one machine computes all. */
  readonly machines?: readonly MachineLayers[];
  /** Its first file; empty for a model of another server. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** 64 hex digits. */
  readonly modelRoot: string;
  /** True if an encoder of pictures belongs to it. */
  readonly readsPictures?: boolean;
  /** Messages and settings that requests by this name begin with. */
  readonly defaults?: ModelDefaults;
}

/** All models that can be asked for by name. */
export interface ModelShelf {
  list(): Promise<readonly ShelfModel[]>;
  /** The catalogue that short names are looked up in. Default: none. */
  readonly catalogue?: () => Pick<Catalogue, 'models'>;
}

/** Finds a model of this machine by its name, or by a short name of the catalogue. */
export function findShelved(
  models: readonly ShelfModel[],
  typed: string,
  catalogue: ModelShelf['catalogue'],
): ShelfModel | undefined {
  const found = findNamed(models, typed);
  if (found !== undefined || catalogue === undefined) return found;
  const short = resolveShortName(catalogue(), typed);
  return short && (findNamed(models, short.reference) ?? findNamed(models, withoutCommit(short.reference)));
}

const withoutCommit = (reference: string): string => reference.replace(/@[0-9a-f]{40}/, '');

/** @throws ApiError `model_not_found` */
export async function findModel(shelf: ModelShelf, typed: unknown): Promise<ShelfModel> {
  if (typeof typed !== 'string' || typed === '') {
    throw new ApiError('invalid_request', 'model is required', { param: 'model' });
  }
  const models = await shelf.list();
  const found = findShelved(models, typed, shelf.catalogue);
  if (found) return found;
  const known = models.map(({ name }) => name);
  const nearest = listNearestNames(shelf.catalogue?.() ?? { models: [] }, typed, { others: known });
  const name = JSON.stringify(typed.slice(0, 100));
  const near = nearest.length === 0 ? '' : `; the nearest names are ${nearest.join(', ')}`;
  const message = `model ${name} not found, try pulling it first; there is ${known.join(', ') || 'none yet'}${near}`;
  throw new ApiError('model_not_found', message, { param: 'model' });
}
