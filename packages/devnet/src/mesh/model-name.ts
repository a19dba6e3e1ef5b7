import { parseModelSource } from '@ogong/models/source';

/** `ogong/<tier>/<maker>/<model>` for what a model reference names. @throws ModelError where it names nothing. */
export function nameModel(reference: string): string {
  const source = parseModelSource(reference);
  if (source.kind === 'builtin') return `ogong/verified/karpathy/${source.name.toLowerCase()}`;
  if (source.kind !== 'hub') return 'ogong/verified/local/model';
  const [owner = '', repository = ''] = source.repository.split('/');
  return `ogong/verified/${toPart(owner)}/${toPart(repository)}`;
}

/** What a model id may hold: see protocol/match.ts. */
function toPart(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-')
    .slice(0, 64);
}
