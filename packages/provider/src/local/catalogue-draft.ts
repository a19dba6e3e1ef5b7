import type { Catalogue } from '@ogong/models/catalogue';
import { resolveShortName } from '@ogong/models/short-names';
import type { loadModel } from '../engine/engine-config.ts';
import { findShelved, type ShelfModel } from './model-shelf.ts';

/** The value of `--draft-model` that asks for the draft of the catalogue. */
const CATALOGUE_DRAFT = 'auto';

/**
 * Finds the model that the catalogue names as the draft of another one.
 * @param name of the model: a short name, or `hf:owner/name[@commit][:quant]`.
 * @returns its short name; undefined if the catalogue has none.
 */
export function findCatalogueDraft(catalogue: Pick<Catalogue, 'models'>, name: string): string | undefined {
  const reference = resolveShortName(catalogue, name)?.reference ?? name;
  const [, repository] = /^hf:([^@:]+)/.exec(reference) ?? [];
  return catalogue.models.find((model) => model.repository === repository)?.draft;
}

/** Models of this machine, and the catalogue that knows their drafts. */
interface DraftSources {
  readonly catalogue: () => Pick<Catalogue, 'models'>;
  readonly list: () => Promise<readonly ShelfModel[]>;
}

/**
 * Wraps the loading of a model: `--draft-model auto` becomes the draft of the catalogue, if it is on this machine. It downloads nothing. The
 * log says which draft is missing.
 */
export const withCatalogueDrafts =
  (load: typeof loadModel, { catalogue, list }: DraftSources): typeof loadModel =>
  async (reference, settings, place, share) => {
    const { draftModel, ...others } = settings;
    if (draftModel !== CATALOGUE_DRAFT) return load(reference, settings, place, share);
    const models = await list();
    const name = models.find((model) => model.reference === reference)?.name ?? reference;
    const draft = findCatalogueDraft(catalogue(), name);
    const found = draft === undefined ? undefined : findShelved(models, draft, catalogue);
    if (draft !== undefined && found === undefined)
      place.log.warn({ model: name, draft }, 'the draft model of the catalogue is not on this machine; pull it');
    return load(reference, found === undefined ? others : { ...others, draftModel: found.reference }, place, share);
  };
