/** Names under which a model may be asked for. */
export interface Named {
  readonly name: string;
  /** The name that it was pulled by, and other spellings. */
  readonly aliases?: readonly string[] | undefined;
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

const QUANT = /^(?:u?d-)?(?:[it]?q[0-9]|f16$|f32$|bf16$|mxfp4|nvfp4)/;

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

const TYPE_OF_WEIGHTS = 'i?q[0-9](?:_[a-z0-9]+)*|tq[0-9]_[0-9]|b?f16|fp16|f32|mxfp4|nvfp4';
/** A type of weights at the end, such as `-q4_K_M`. */
const QUANT_AT_END = new RegExp(`[-:.](?:ud-)?(${TYPE_OF_WEIGHTS})$`);
const QUANT_INSIDE = new RegExp(`[-:.](?:${TYPE_OF_WEIGHTS})(?=[-:]|$)`, 'g');
/** Longest name that is read. */
const MAX_NAME = 512;
/** Parts that publishers add to a name, and that do not tell two models of one catalogue apart. */
const FORM_WORDS = new Set(['gguf', 'instruct', 'it', 'chat', 'hf', 'qat']);

export interface ModelKey {
  /** Equal for all spellings of one model: `llama3.2:3b` and `Llama-3.2-3B-Instruct-GGUF` have one key. */
  readonly key: string;
  /** Such as `q4_k_m`, if the name ends with one. */
  readonly quant: string | undefined;
}

/** Reads a name as people shorten it: without owner, form words, quantisation, and separators between words. */
export function readModelKey(name: string): ModelKey {
  const plain = name
    .slice(0, MAX_NAME)
    .toLowerCase()
    .replace(/@[0-9a-f]{40}/, '')
    .replace(/^.*\//s, '')
    .replace(/^hf:/, '')
    .replace(/:latest$/, '')
    .replace(/\.gguf$/, '');
  const quant = QUANT_AT_END.exec(plain);
  const bare = quant === null ? plain : plain.slice(0, quant.index);
  const key = bare
    .replace(QUANT_INSIDE, '')
    .split(/[-:_ ]+/)
    .filter((word) => word !== '' && !FORM_WORDS.has(word))
    .join('-')
    // Between two digits the separator counts: `qwen3:0.6b` is not `qwen30.6b`.
    .replace(/(?<![0-9])-|-(?![0-9])/g, '');
  return { key, quant: quant?.[1] === 'fp16' ? 'f16' : quant?.[1] };
}

/**
 * Lists the models that a short name may mean. The owner, the quantisation and the form need not be typed.
 * @returns all models with that key: more than one if the name is not unique.
 */
export function listByKey<M extends Named>(models: readonly M[], typed: string): M[] {
  const wanted = readModelKey(typed);
  if (wanted.key === '') return [];
  return models.filter(({ name, aliases = [] }) =>
    [name, ...aliases].some((each) => {
      const { key, quant } = readModelKey(each);
      return key === wanted.key && (wanted.quant === undefined || quant === undefined || quant === wanted.quant);
    }),
  );
}

/** A size behind a family's name, such as `3b`, `270m` or `30b-a3b`. */
const SIZE = /^-?(?:e?[0-9]+(?:\.[0-9]+)?[bm])(?:a[0-9.]+[bm])?$/;

/**
 * Lists the models that a name may mean: those with its key, otherwise those with its key and a size, so that `llama3.2` finds
 * `llama-3.2-3b-instruct`.
 */
export function listMeant<M extends Named>(models: readonly M[], typed: string): M[] {
  const same = listByKey(models, typed);
  const { key } = readModelKey(typed);
  if (same.length > 0 || key === '') return same;
  return models.filter(({ name }) => {
    const other = readModelKey(name).key;
    return other.startsWith(key) && SIZE.test(other.slice(key.length));
  });
}
