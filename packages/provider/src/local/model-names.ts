/** Names under which a model may be asked for. */
export interface Named {
  readonly name: string;
  /** The name that it was pulled by, and other spellings. */
  readonly aliases?: readonly string[];
}

/**
 * Finds what a client means. A comparison ignores case, the default tag `latest` and the name of the hub. The tag may follow a
 * colon or a hyphen. A name without a tag finds the first model whose name goes on with a quantisation.
 */
export function findNamed<M extends Named>(models: readonly M[], typed: string): M | undefined {
  const exact = models.find(({ name }) => name === typed);
  if (exact) return exact;
  const wanted = toPlain(typed);
  if (wanted === '') return undefined;
  const spelled = models.map((model) => ({ model, names: [model.name, ...(model.aliases ?? [])].flatMap(spell) }));
  const same = spelled.find(({ names }) => names.includes(wanted));
  if (same) return same.model;
  return spelled.find(({ names }) =>
    names.some((name) => name.startsWith(`${wanted}-`) && QUANT.test(name.slice(wanted.length + 1))),
  )?.model;
}

const QUANT = /^(?:u?d-)?(?:i?q[0-9]|f16$|f32$|bf16$|mxfp4)/;

const toPlain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^(?:https?:\/\/)?(?:hf:|hf\.co\/|huggingface\.co\/)/, '')
    .replace(/:latest$/, '')
    .replaceAll(':', '-');

/** A model of a hub is also found without its owner. */
function spell(name: string): string[] {
  const plain = toPlain(name);
  const last = plain.slice(plain.lastIndexOf('/') + 1);
  return last === plain || last === '' ? [plain] : [plain, last];
}
