import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { type HttpsExchange, hashChain } from '@ogong/protocol/tier/testimony';
import type { X509Certificate } from '@peculiar/x509';
import { bearsName, findChainProblem, parseCertificate } from './certificates.ts';
import type { MachinePolicy } from './policy-file.ts';

/** The certificates are those that the machine saw, and the first one is of the host that it asked. */
export function checkServer(
  crypto: Pick<Crypto, 'sha256'>,
  { url, chainHash }: HttpsExchange,
  ders: readonly Uint8Array[],
  [leaf]: readonly X509Certificate[],
): Check {
  if (!equalBytes(hashChain(crypto, ders), chainHash)) return fail('server', 'the machine saw other certificates');
  const host = readHost(url);
  if (host === undefined || leaf === undefined) return fail('server', 'the address names no host');
  return check('server', bearsName(leaf, host), [
    `${host} showed these certificates`,
    `the first certificate is not of ${host}`,
  ]);
}

/**
 * `server` and `authority` of an exchange that stands in a receipt. Roots are named, not inherited: where the policy names none, nobody vouches.
 * @param ders the certificates, which are those of the statement.
 */
export async function checkExchangeServer(
  crypto: Pick<Crypto, 'sha256'>,
  exchange: HttpsExchange,
  ders: readonly Uint8Array[],
  { authorities, allow }: MachinePolicy,
): Promise<Check[]> {
  const chain = ders.map((der) => parseCertificate(der, 'the chain of the server'));
  const server = checkServer(crypto, exchange, ders, chain);
  const vouched = await checkAuthority(chain, authorities, exchange.timeMs);
  const isLacking = vouched.status === 'skip' && !allow.includes(vouched.id);
  return [server, isLacking ? fail(vouched.id, vouched.detail) : vouched];
}

/**
 * `upstream`: the machine called the host that the policy names for models of this maker. A public authority vouches for every host, so
 * a chain alone says nothing about the server that answered.
 * @param modelId as the ticket names it; the order has the root of this name.
 */
export function checkUpstream(
  crypto: Crypto,
  { url }: Pick<HttpsExchange, 'url'>,
  { modelId, modelRoot }: { readonly modelId: string; readonly modelRoot: Uint8Array },
  { upstreams, allow }: MachinePolicy,
): Check {
  const id = 'upstream';
  const root = findNamedRoot(crypto, modelId);
  if (root === undefined || !equalBytes(root, modelRoot)) return fail(id, `the order is not for ${modelId}`);
  const origin = URL.canParse(url) ? new URL(url).origin : url;
  const { maker } = parseModelId(modelId);
  if (upstreams === undefined) {
    const detail = `nobody said whom the machine may ask for models of ${maker}; it asked ${origin}`;
    return allow.includes(id) ? skip(id, detail) : fail(id, detail);
  }
  const named = Object.hasOwn(upstreams, maker) ? upstreams[maker] : undefined;
  return check(id, named?.includes(origin) ?? false, [
    `${origin} may be asked for models of ${maker}`,
    `the machine asked ${origin} for a model of ${maker}, and the policy does not name it`,
  ]);
}

function readHost(url: string): string | undefined {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, '').toLowerCase();
  } catch {
    return undefined;
  }
}

export async function checkAuthority(
  chain: readonly X509Certificate[],
  authorities: readonly string[] | undefined,
  timeMs: number,
): Promise<Check> {
  const last = chain.at(-1) as X509Certificate;
  const root = toHex(new Uint8Array(await last.getThumbprint('SHA-256')));
  if (authorities === undefined) return skip('authority', `nobody said who may vouch for the server; it is ${root}`);
  if (!authorities.includes(root)) return fail('authority', `${root} is no authority that was named`);
  const problem = await findChainProblem(chain, authorities, timeMs);
  return problem === undefined
    ? { id: 'authority', status: 'pass', detail: `${chain.length} certificates lead to ${last.subject.slice(0, 80)}` }
    : fail('authority', problem);
}
