import { ADMIN_ROUTES, type AdminRouteName, formatPath } from '@ogong/protocol/http/routes';

/** As the gateway shows them (docs/accounts.md). Money is decimal text in atomic units; null: no limit. */
export interface Money {
  readonly budget_atomic: string | null;
  readonly spent_atomic: string;
  readonly reserved_atomic: string;
  readonly left_atomic: string | null;
}
export interface ShownOrganisation extends Money {
  readonly id: string;
  readonly name: string;
  /** Null where it needs no credit. */
  readonly credit_atomic: string | null;
  readonly credit_left_atomic: string | null;
  readonly deposit_address: string | null;
}
/** Data that a wallet signs for a transfer that the gateway sends: EIP-712 of the token. */
export interface TransferTerms {
  readonly domain: { readonly chainId: number };
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>;
  readonly primary_type: string;
  readonly to: string;
}
export interface ShownCredits {
  readonly organisation: string;
  readonly data: readonly {
    readonly id: string;
    readonly amount_atomic: string;
    readonly detail: string;
    readonly time: string;
  }[];
  readonly transfers: readonly {
    readonly payer: string;
    readonly nonce: string;
    readonly amount_atomic: string;
    readonly state: string;
    readonly time: string;
  }[];
  readonly sign: TransferTerms | null;
}
export interface ShownKey extends Money {
  readonly id: string;
  readonly organisation: string;
  readonly name: string;
  readonly models: readonly string[] | null;
  readonly requests_per_minute: number | null;
  readonly tokens_per_minute: number | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}
export interface ShownMember {
  readonly organisation: string;
  readonly id: string;
  readonly role: string;
}
export interface ShownUsage {
  readonly day: string;
  readonly key: string;
  readonly model: string;
  readonly replies: number;
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  readonly cost_atomic: string;
}
export interface ShownChange {
  readonly id: number | string;
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
}

/** Everything that the holder of a secret may see. */
export interface AccountsView {
  readonly organisations: readonly ShownOrganisation[];
  readonly keys: readonly ShownKey[];
  readonly members: readonly ShownMember[];
  /** Of organisations that have some. */
  readonly credits: readonly ShownCredits[];
  readonly usage: readonly ShownUsage[];
  /** Undefined where the role may not see it. */
  readonly changes: readonly ShownChange[] | undefined;
}

/** A refusal of the gateway, with its message. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly code = 'refused';
  readonly retryable: boolean;
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
    this.retryable = status === 0 || status === 429 || status >= 500;
  }
}

export type AdminApi = ReturnType<typeof createAdminApi>;

/** The admin API under one secret, which stays in this object. */
export function createAdminApi(secret: string, baseUrl: string) {
  async function call<T>(
    route: AdminRouteName,
    { place = {}, query = {}, body }: { place?: object; query?: Record<string, string>; body?: object } = {},
  ): Promise<T> {
    const { method } = ADMIN_ROUTES[route];
    const path = formatPath(ADMIN_ROUTES[route], place as never);
    const response = await fetch(new URL(`${path}?${new URLSearchParams(query)}`, baseUrl), {
      method,
      headers: { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
    }).catch(() => {
      throw new AdminError(0, 'The gateway does not answer. Nobody knows whether it has done what was asked last.');
    });
    if (query.format === 'csv' && response.ok) return (await response.text()) as T;
    // Something between page and gateway may answer in other words.
    const answer = await response.json().catch(() => undefined);
    if (!response.ok || answer === undefined) {
      throw new AdminError(response.status, answer?.error?.message ?? `The gateway answers ${response.status}.`);
    }
    return answer as T;
  }

  const list = async <T>(route: AdminRouteName, query?: Record<string, string>): Promise<readonly T[]> =>
    (await call<{ readonly data: readonly T[] }>(route, query && { query })).data;

  return {
    async view(): Promise<AccountsView> {
      const organisations = await list<ShownOrganisation>('adminOrganisations');
      const [keys, usage, members, credits, changes] = await Promise.all([
        list<ShownKey>('adminKeys'),
        list<ShownUsage>('adminUsage'),
        Promise.all(organisations.map(({ id }) => list<ShownMember>('adminMembers', { organisation: id }))),
        Promise.all(
          organisations
            .filter((one) => one.credit_atomic !== null)
            .map(async ({ id }): Promise<ShownCredits> => {
              const shown = await call<Omit<ShownCredits, 'organisation'>>('adminCredits', {
                query: { organisation: id },
              });
              return { ...shown, organisation: id };
            }),
        ),
        list<ShownChange>('adminAudit').catch((error: unknown) => {
          if (error instanceof AdminError && error.status === 403) return undefined;
          throw error;
        }),
      ]);
      return { organisations, keys, usage, members: members.flat(), credits, changes };
    },
    usageCsv: () => call<string>('adminUsage', { query: { format: 'csv' } }),
    putOrganisation: (body: object) => call<object>('adminOrganisation', { body }),
    putMember: (body: object) => call<{ readonly secret?: string }>('adminMember', { body }),
    removeMember: (place: object) => call<object>('adminMemberRemoval', { place }),
    rotateMember: (place: object) => call<{ readonly secret: string }>('adminMemberRotation', { place }),
    putCredit: (body: object) => call<object>('adminCredit', { body }),
    putTransfer: (body: object) => call<object>('adminSignedDeposit', { body }),
    addKey: (body: object) => call<{ readonly secret: string }>('adminKey', { body }),
    rotateKey: (id: string) => call<{ readonly secret: string }>('adminKeyRotation', { place: { id } }),
    revokeKey: (id: string) => call<object>('adminKeyRevocation', { place: { id } }),
  };
}
