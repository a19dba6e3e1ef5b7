import { findNearest } from '@ogong/protocol/base/edit-distance';
import { listByKey, readModelKey } from '@ogong/protocol/modality/shared/model-names';
import type { Catalogue, CatalogueModel, Quantisation } from './catalogue.ts';

/** A model of the catalogue, found by a short name. */
export interface ShortName {
  /** The name as it is listed: in lower case, without `:latest`. */
  readonly name: string;
  /** `hf:owner/repo[@commit]:quant`. */
  readonly reference: string;
}

/** Where Ollama's own library is written in front of a name. */
const LIBRARY = /^(?:https?:\/\/)?(?:(?:registry\.ollama\.ai|ollama\.com)\/)?library\//;
const SHORT = /^[a-z0-9][a-z0-9._-]{0,95}(?::[a-z0-9][a-z0-9._-]{0,63})?$/;

const toShort = (typed: string): string =>
  typed
    .trim()
    .toLowerCase()
    .replace(LIBRARY, '')
    .replace(/:latest$/, '');

/**
 * Finds the model of the catalogue that a short name means: `qwen3-0.6b` as the catalogue writes it, or `qwen3:0.6b` and
 * `llama3.2` as Ollama does. A quantisation may follow the name: `qwen3:0.6b-q8_0`.
 */
export function resolveShortName({ models }: Pick<Catalogue, 'models'>, typed: string): ShortName | undefined {
  const name = toShort(typed);
  if (!SHORT.test(name)) return undefined;
  const { quant } = readModelKey(name);
  const bare = quant === undefined ? name : name.replace(/[-:](?:ud-)?[^-:]+$/, '');
  const exact = models.find((model) => model.name === bare || model.aliases?.includes(bare));
  const similar = listByKey(models, bare);
  const model = exact ?? (similar.length === 1 ? similar[0] : undefined);
  if (model === undefined) return undefined;
  const { repository, commit, quantisations } = model;
  const chosen = quant ?? (quantisations[0] as Quantisation).quant.toLowerCase();
  return { name, reference: `hf:${repository}${commit === undefined ? '' : `@${commit}`}:${chosen}` };
}

/** The name of a model that is shown first: Ollama's, or the catalogue's own. */
const showName = ({ name, aliases = [] }: CatalogueModel): string => aliases[0] ?? name;

/** Lists the short names that are nearest to a name, one for each model. */
export function listNearestNames(
  { models }: Pick<Catalogue, 'models'>,
  typed: string,
  { count = 3, others = [] }: { readonly count?: number; readonly others?: readonly string[] } = {},
): string[] {
  const shown = new Map<string, string>(others.map((name) => [name, name]));
  for (const model of models)
    for (const name of [showName(model), ...(model.aliases ?? []), model.name])
      if (!shown.has(name)) shown.set(name, showName(model));
  const nearest = findNearest(toShort(typed), [...shown.keys()], 8 * count);
  return [...new Set(nearest.map((name) => shown.get(name) as string))].slice(0, count);
}
