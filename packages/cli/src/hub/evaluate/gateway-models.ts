import { ConfigError } from '@ogong/host/config/config-error';
import { GatewayApiError, GatewayUnreachableError } from '@ogong/sdk';

interface ListedModel {
  readonly id: string;
  readonly ogong?: { readonly min_price_per_1k?: string; readonly warning?: string };
}

/** A model as a gateway offers it. */
export interface GatewayModel {
  /** As requests name it. */
  readonly model: string;
  /** Lowest price of 1,000 tokens, atomic units; undefined if the gateway lists none. It is a claim. */
  readonly pricePer1kAtomic: bigint | undefined;
  /** The gateway's warning about the model's tier. */
  readonly warning: string | undefined;
}

export interface AskedGateway {
  readonly program: string;
  /** Address without a path. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

/**
 * Finds a model in the list of a gateway.
 * @param named a model id, or `maker/model`, whose tier the list gives. An id need not be on the list.
 * @throws ConfigError, GatewayApiError, GatewayUnreachableError
 */
export async function findGatewayModel(named: string, gateway: AskedGateway): Promise<GatewayModel> {
  const listed = await listModels(gateway);
  const isId = named.startsWith('ogong/');
  const found = listed.filter(({ id }) => (isId ? id === named : id.split('/').slice(2).join('/') === named));
  const [first, second] = found;
  if (first === undefined && !isId)
    throw new ConfigError(gateway.program, [`${gateway.baseUrl} offers no model ${named} now`]);
  if (second !== undefined)
    throw new ConfigError(gateway.program, [`name one of these models: ${found.map(({ id }) => id).join(', ')}`]);
  const { min_price_per_1k: price, warning } = first?.ogong ?? {};
  return {
    model: first?.id ?? named,
    pricePer1kAtomic: typeof price === 'string' && /^\d{1,38}$/.test(price) ? BigInt(price) : undefined,
    warning: typeof warning === 'string' ? warning : undefined,
  };
}

async function listModels({ baseUrl, apiKey }: AskedGateway): Promise<readonly ListedModel[]> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const response = await fetch(`${baseUrl}/v1/models`, { headers }).catch((error: unknown) => {
    throw new GatewayUnreachableError(baseUrl, error);
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new GatewayApiError(response.status, body);
  const { data } = (body ?? {}) as { readonly data?: unknown };
  return Array.isArray(data) ? data.filter((one): one is ListedModel => typeof one?.id === 'string') : [];
}
