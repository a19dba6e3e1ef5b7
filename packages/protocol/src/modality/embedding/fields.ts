import {
  type FieldHint,
  type FieldRefusal,
  type FieldRules,
  isEmptyText,
  isFalse,
  isTrue,
} from '../shared/field-rules.ts';

/** The keys of requests for vectors and scores (docs/spec/embedding.md), and those of other servers that would change the answer. */

const isNone = (value: unknown): boolean => value === false || value === 'NONE';
const isTextAlone = (value: unknown): boolean => Array.isArray(value) && value.every((field) => field === 'text');
const isFloat = (value: unknown): boolean =>
  value === 'float' || (Array.isArray(value) && value.every((type) => type === 'float'));

const CUT: FieldHint = { dropped: 'an input that is too long is refused, never cut', unless: isNone };
const CUTS: FieldRefusal = { refused: 'an input that is too long is refused, never cut; leave it out' };
const FORMAT: FieldRefusal = { refused: 'use encoding_format; values are floats', unless: isFloat };
const PURPOSE: FieldRefusal = { refused: "write the prefix that the model's author names into the input" };
const IMAGES: FieldRefusal = { refused: 'these models read only texts' };

const COMMON = {
  model: 'works',
  ogong: 'works',

  user: 'ignored',
  metadata: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',

  truncate: CUT,
  truncation: CUT,
  truncate_prompt_tokens: CUTS,

  stream: { refused: 'the whole answer comes at once; leave it out', unless: isFalse },
} as const satisfies FieldRules;

export const VECTOR_FIELDS: FieldRules = {
  ...COMMON,
  input: 'works',
  encoding_format: 'works',
  dimensions: 'works',

  output_dimension: { refused: 'use dimensions' },
  embedding_type: FORMAT,
  embedding_types: FORMAT,
  output_dtype: FORMAT,
  embed_dtype: { ...FORMAT, unless: (value) => value === 'float32' },
  endianness: {
    refused: 'base64 has little-endian values',
    unless: (value) => value === 'native' || value === 'little',
  },
  normalize: { refused: 'every vector has length one', unless: isTrue },
  normalized: { refused: 'every vector has length one', unless: isTrue },
  input_type: PURPOSE,
  task: PURPOSE,
  task_type: PURPOSE,
  prompt_name: PURPOSE,
  instruction: { ...PURPOSE, unless: isEmptyText },
  messages: { refused: 'a vector is that of a text; send it as input' },
  add_special_tokens: { refused: 'a text has the special tokens of its model; send ids without them', unless: isTrue },
  late_chunking: { refused: 'each input is read alone', unless: isFalse },
  return_multivector: { refused: 'each input has one vector', unless: isFalse },
};

export const RERANK_FIELDS: FieldRules = {
  ...COMMON,
  query: 'works',
  documents: 'works',
  top_n: 'works',
  return_documents: 'works',

  top_k: { refused: 'use top_n' },
  input: { refused: 'a reranking has a query and documents' },
  max_tokens_per_doc: CUTS,
  max_tokens_per_query: CUTS,
  max_chunks_per_doc: CUTS,
  rank_fields: { refused: 'a document is read as its text', unless: isTextAlone },
  instruction: { refused: 'write it into the query', unless: isEmptyText },
  raw_scores: { refused: 'a score is shown as the model gives it', unless: isTrue },
  activation: { refused: 'a score is shown as the model gives it', unless: isFalse },
  use_activation: { refused: 'a score is shown as the model gives it', unless: isFalse },
  score_threshold: { refused: 'use top_n' },
};

/** A document that is an object. */
export const DOCUMENT_FIELDS: FieldRules = { text: 'works', image: IMAGES, image_url: IMAGES };

export const EMBEDDING_API_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldRules>>>> = {
  'Vectors and scores': {
    'POST /v1/embeddings': VECTOR_FIELDS,
    'POST /v1/rerank': RERANK_FIELDS,
    'A document of /v1/rerank': DOCUMENT_FIELDS,
  },
};
