/** Limits for scores between different classes. Reject above `reject`, inconclusive from `doubt` on. */
export interface Thresholds {
  /** `fallback` (whitepaper 3: 0.10 / 0.10) or the identity of a drift table's row. */
  readonly source: string;
  readonly sketchDistance: { readonly doubt: number; readonly reject: number };
  readonly kolmogorov: { readonly doubt: number; readonly reject: number };
  readonly omission: { readonly doubt: number; readonly reject: number };
  readonly tailShift: { readonly doubt: number; readonly reject: number };
  readonly drawGap: { readonly doubt: number; readonly reject: number };
  readonly tailPlace: { readonly doubt: number; readonly reject: number };
}

export const FALLBACK_THRESHOLDS: Thresholds = {
  source: 'fallback',
  sketchDistance: { doubt: 0.05, reject: 0.1 },
  kolmogorov: { doubt: 0.05, reject: 0.1 },
  omission: { doubt: 0.05, reject: 0.1 },
  // With a signed tail a provider can claim any unlisted token.
  tailShift: { doubt: 0.05, reject: 0.1 },
  // Nats: distance of the claimed token from the verifier's own draw. The data are 4,500 honest replies of stories15M in q8_0,
  // a third of them with other sampler settings. Their worst window has 0.054; of a deeper model in q4_k_m it has 0.073
  // (npm run detect, honest.csv).
  drawGap: { doubt: 0.1, reject: 0.15 },
  // The farthest honest draw of a reply fell 0.15 beside its token (157 replies of stories15M in q8_0, 0.10 at 99 %). A token
  // that the provider chose itself fell 0.35 at the median.
  tailPlace: { doubt: 0.25, reject: 0.4 },
};
