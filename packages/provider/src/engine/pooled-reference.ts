/** The beginning of a reference to a chat model whose hidden states become vectors by their mean. */
const MEAN = 'mean:';

/** A reference without its way of pooling. */
export interface PooledReference {
  readonly reference: string;
  /** Default: the way that the model's file names. */
  readonly pools?: 'mean';
}

export const toPooled = (reference: string): string => `${MEAN}${reference}`;

export const readPooled = (reference: string): PooledReference =>
  reference.startsWith(MEAN) ? { reference: reference.slice(MEAN.length), pools: 'mean' } : { reference };
