import { OWN_CATALOGUE, readCatalogue } from '@ogong/models/catalogue';
import { toPathReference } from '@ogong/models/model-path';
import { resolveShortName } from '@ogong/models/short-names';
import { parseModelSource, tryModelSource } from '@ogong/models/source';

/** Returns `ogong/<tier>/<maker>/<model>` for a model reference. @throws ModelError if it names nothing. */
export function nameModel(typed: string): string {
  const reference = toPathReference(typed);
  const short = tryModelSource(reference) ? undefined : resolveShortName(readCatalogue(OWN_CATALOGUE), reference);
  const source = parseModelSource(short?.reference ?? reference);
  if (source.kind === 'builtin') return `ogong/verified/karpathy/${source.name.toLowerCase()}`;
  if (source.kind !== 'hub') return 'ogong/verified/local/model';
  const [owner = '', repository = ''] = source.repository.split('/');
  return `ogong/verified/${toPart(owner)}/${toPart(repository)}`;
}

/** Returns a text in the characters of a model id: see protocol/match.ts. */
function toPart(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-')
    .slice(0, 64);
}
