/** Target of a searched text. */
export type FoundRoute = { readonly route: string } | { readonly problem: string };

/** Characters of a missed text that its explanation repeats. */
const SHOWN = 40;

/** By its form: a reply id, an address, a provider, a transaction, a batch or a model. */
export function findRoute(text: string): FoundRoute {
  const wanted = text.trim();
  const hex = wanted.toLowerCase().replace(/^0x/, '');
  if (/^[0-9a-f]{32}$/.test(hex)) return { route: `#/reply/${hex}` };
  if (/^[0-9a-f]{40}$/.test(hex)) return { route: `#/account/0x${hex}` };
  if (/^[0-9a-f]{64}$/.test(hex)) return { route: `#/id/${hex}` };
  const batch = /^(?:batch\s*)?#?([0-9]{1,15})$/i.exec(wanted);
  if (batch) return { route: `#/batches/${batch[1]}` };
  if (/^[a-z0-9][a-z0-9._-]*\/[a-z0-9][a-z0-9._-]*$/.test(wanted)) return { route: `#/hub/${wanted}` };
  if (/^[\w.-]+(?:\/[\w.:@-]+)+$/.test(wanted)) return { route: `#/models/${encodeURIComponent(wanted)}` };
  const shown = wanted.length > SHOWN ? `${wanted.slice(0, SHOWN)}…` : wanted;
  const miss = wanted === '' ? '' : `“${shown}” has no form that this search knows. `;
  return {
    problem: `${miss}Search for a reply id, an address, a provider, a transaction, a batch number or a model id.`,
  };
}
