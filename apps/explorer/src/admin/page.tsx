import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { formatTime, parseAmount, plural } from '../format.ts';
import { saveFile } from '../save-file.ts';
import { Amount, Card, CopyButton, Table } from '../view/parts.tsx';
import {
  type AccountsView,
  type AdminApi,
  createAdminApi,
  type Money,
  type ShownCredits,
  type ShownKey,
} from './api.ts';
import { findWallet, signTransfer } from './wallet.ts';

interface Session {
  readonly api: AdminApi;
  readonly view: AccountsView;
}

/** Makes a change, and shows its secret, if it has one. @returns whether it succeeded. */
type Act = (work: (api: AdminApi) => Promise<object>) => Promise<boolean>;

/** Accounts of a gateway, for holders of an admin secret. It is in memory alone, and gone with the tab. */
export function AdminPage({ baseUrl }: { baseUrl: string }) {
  const [session, setSession] = useState<Session>();
  const [made, setMade] = useState<string>();
  const [problem, setProblem] = useState<string>();

  async function open(api: AdminApi): Promise<boolean> {
    setProblem(undefined);
    try {
      setSession({ api, view: await api.view() });
      return true;
    } catch (error) {
      setProblem((error as Error).message);
      return false;
    }
  }

  const act: Act = async (work) => {
    if (session === undefined) return false;
    setProblem(undefined);
    setMade(undefined);
    try {
      const { secret } = (await work(session.api)) as { readonly secret?: string };
      setMade(secret);
    } catch (error) {
      setProblem((error as Error).message);
      return false;
    }
    await open(session.api);
    return true;
  };

  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/explorer/icon.svg" alt="" width="26" height="26" />
          <span>
            OGONG <em>accounts</em>
          </span>
        </a>
        <nav aria-label="Pages">
          <a href="/">Chat</a>
          <a href="/explorer/">Explorer</a>
        </nav>
      </header>
      <main id="main">
        <h1>Accounts</h1>
        {problem && (
          <p class="banner bad" role="alert">
            {problem}
          </p>
        )}
        {made && (
          <section class="banner good" aria-label="The new secret">
            <p>This secret is shown once. Nobody can read it again, the gateway neither.</p>
            <code class="long" id="made">
              {made}
            </code>{' '}
            <CopyButton text={made} />
          </section>
        )}
        {session === undefined ? (
          <SignIn onSecret={(secret) => open(createAdminApi(secret, baseUrl))} />
        ) : (
          <Everything view={session.view} act={act} />
        )}
      </main>
    </>
  );
}

function SignIn({ onSecret }: { onSecret: (secret: string) => Promise<boolean> }) {
  return (
    <Card title="Who are you?" wide>
      <Form submit="Open" onSubmit={({ secret }) => onSecret(secret ?? '')}>
        <Field name="secret" label="Admin secret" isSecret />
      </Form>
      <p class="note">
        The operator makes one by <code>ogong-gatewayd admin secret</code>; members have their own. It stays in this
        tab.
      </p>
    </Card>
  );
}

function Everything({ view, act }: { view: AccountsView; act: Act }) {
  const { organisations, keys, members, credits, usage, changes } = view;
  const first = organisations[0]?.id ?? '';
  return (
    <>
      <Card title="Organisations" wide>
        <Table
          label="Organisations"
          head={['Organisation', 'Name', 'Budget', 'Spent', 'Reserved', 'Left']}
          empty={organisations.length === 0 && 'There is none yet.'}
        >
          {organisations.map((one) => (
            <tr key={one.id}>
              <td>{one.id}</td>
              <td>{one.name}</td>
              <MoneyCells money={one} />
            </tr>
          ))}
        </Table>
        <Form
          submit="Add or change"
          onSubmit={({ id, name, budget }) =>
            act(async (it) => it.putOrganisation({ id, name, ...(budget && { budget_atomic: toAtomic(budget) }) }))
          }
        >
          <Field name="id" label="Organisation" />
          <Field name="name" label="Name" />
          <Field name="budget" label="Budget, OGONG" isOptional />
        </Form>
      </Card>
      <CreditCard credits={credits} view={view} act={act} />
      <Card title="Keys" wide>
        <Table
          label="Keys"
          head={[
            'Key',
            'Name',
            'Organisation',
            'Budget',
            'Spent',
            'Reserved',
            'Left',
            'Models',
            'A minute',
            'State',
            'Change',
          ]}
          empty={keys.length === 0 && 'There is none yet.'}
        >
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                <code>{key.id}</code>
              </td>
              <td>{key.name}</td>
              <td>{key.organisation}</td>
              <MoneyCells money={key} />
              <td>{key.models?.join(', ') ?? 'all'}</td>
              <td>{describeLimits(key)}</td>
              <td>{key.revoked_at ? 'revoked' : key.expires_at ? `until ${key.expires_at}` : 'live'}</td>
              <td>
                {!key.revoked_at && (
                  <>
                    <Action label={`Rotate ${key.name}`} onAct={() => act((it) => it.rotateKey(key.id))}>
                      Rotate
                    </Action>{' '}
                    <Action label={`Revoke ${key.name}`} onAct={() => act((it) => it.revokeKey(key.id))}>
                      Revoke
                    </Action>
                  </>
                )}
              </td>
            </tr>
          ))}
        </Table>
        <Form submit="Make a key" onSubmit={(given) => act(async (it) => it.addKey(toKeyTerms(given)))}>
          <Field name="organisation" label="Organisation" value={first} />
          <Field name="name" label="Name" />
          <Field name="budget" label="Budget, OGONG" isOptional />
          <Field name="models" label="Models, as ogong/replay/*, with commas" isOptional />
          <Field name="requests" label="Requests a minute" isOptional />
          <Field name="tokens" label="Tokens a minute" isOptional />
          <Field name="until" label="Last day, as 2027-01-31" isOptional />
        </Form>
      </Card>
      <Card title="Members" wide>
        <Table
          label="Members"
          head={['Organisation', 'Member', 'Role', 'Change']}
          empty={members.length === 0 && 'There is none yet.'}
        >
          {members.map((one) => (
            <tr key={`${one.organisation}/${one.id}`}>
              <td>{one.organisation}</td>
              <td>{one.id}</td>
              <td>{one.role}</td>
              <td>
                <Action label={`Rotate ${one.id}`} onAct={() => act((it) => it.rotateMember(one))}>
                  Rotate
                </Action>{' '}
                <Action label={`Remove ${one.id}`} onAct={() => act((it) => it.removeMember(one))}>
                  Remove
                </Action>
              </td>
            </tr>
          ))}
        </Table>
        <Form
          submit="Add or change"
          onSubmit={({ organisation, id, role }) => act((it) => it.putMember({ organisation, id, role }))}
        >
          <Field name="organisation" label="Organisation" value={first} />
          <Field name="id" label="Member" />
          <Field name="role" label="Role: owner, admin or member" value="member" />
        </Form>
      </Card>
      <Card title="Usage of the last thirty days" wide aside={<SaveCsv act={act} />}>
        <Table
          label="Usage"
          head={['Day', 'Key', 'Model', 'Replies', 'Prompt tokens', 'Output tokens', 'Cost']}
          empty={usage.length === 0 && 'Nothing was asked yet.'}
        >
          {usage.map((row) => (
            <tr key={`${row.day} ${row.key} ${row.model}`}>
              <td>{row.day}</td>
              <td>
                <code>{row.key}</code>
              </td>
              <td>{row.model}</td>
              <td>{row.replies}</td>
              <td>{row.prompt_tokens}</td>
              <td>{row.output_tokens}</td>
              <td>
                <Amount atomic={BigInt(row.cost_atomic)} />
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {changes && (
        <Card title="Changes" wide>
          <Table
            label="Changes"
            head={['When, UTC', 'Who', 'What', 'Of', 'Detail']}
            empty={changes.length === 0 && 'Nothing was changed yet.'}
          >
            {changes.slice(0, 100).map((one) => (
              <tr key={one.id}>
                <td title={one.time}>{formatTime(Date.parse(one.time))}</td>
                <td>{one.actor}</td>
                <td>{one.action}</td>
                <td>{one.target}</td>
                <td>{one.detail}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </>
  );
}

/** As the API takes it. @throws Error if it is no amount. */
const toAtomic = (text: string): string => `${parseAmount(text)}`;

function describeLimits({ requests_per_minute: requests, tokens_per_minute: tokens }: ShownKey): string {
  const parts = [requests !== null && plural(requests, 'request'), tokens !== null && plural(tokens, 'token')];
  return parts.filter((part) => part !== false).join(', ') || 'no limit';
}

/** Terms from the form; an absent value has no limit. */
function toKeyTerms(given: Readonly<Record<string, string>>): object {
  const { organisation, name, budget, models, requests, tokens, until } = given;
  return {
    ...{ organisation, name },
    ...(budget && { budget_atomic: toAtomic(budget) }),
    ...(models && { models: models.split(',').map((model) => model.trim()) }),
    ...(requests && { requests_per_minute: Number(requests) }),
    ...(tokens && { tokens_per_minute: Number(tokens) }),
    ...(until && { expires_at: `${until}T23:59:59Z` }),
  };
}

function CreditCard({ credits, view, act }: { credits: readonly ShownCredits[]; view: AccountsView; act: Act }) {
  const withCredit = view.organisations.filter((one) => one.credit_atomic !== null);
  const first = withCredit[0]?.id ?? view.organisations[0]?.id ?? '';
  const amount = (atomic: string | null) => <Amount atomic={BigInt(atomic ?? 0)} />;
  const sign = (fields: Readonly<Record<string, string>>): Promise<boolean> =>
    act(async (it) => {
      const { organisation, amount: value = '', transfer } = fields;
      if (transfer) return it.putTransfer({ organisation, ...JSON.parse(transfer) });
      const terms = credits.find((one) => one.organisation === organisation)?.sign;
      const wallet = findWallet();
      if (!terms) throw new Error('This organisation has no address to pay to yet.');
      if (!wallet) throw new Error('There is no wallet in this browser: paste a transfer that was signed elsewhere.');
      return it.putTransfer({ organisation, ...(await signTransfer(wallet, terms, toAtomic(value))) });
    });
  return (
    <Card title="Credit" wide>
      <Table
        label="Credit"
        head={['Organisation', 'Paid in', 'Left', 'Address to pay to']}
        empty={withCredit.length === 0 && 'No organisation needs credit.'}
      >
        {withCredit.map((one) => (
          <tr key={one.id}>
            <td>{one.id}</td>
            <td>{amount(one.credit_atomic)}</td>
            <td>{amount(one.credit_left_atomic)}</td>
            <td>{one.deposit_address ? <code>{one.deposit_address}</code> : 'none'}</td>
          </tr>
        ))}
      </Table>
      <Table
        label="Payments"
        head={['When, UTC', 'Organisation', 'Amount', 'What', 'Detail']}
        empty={credits.every(({ data, transfers }) => data.length + transfers.length === 0) && 'Nothing was paid yet.'}
      >
        {credits.flatMap(({ organisation, data, transfers }) => [
          ...transfers.map((one) => (
            <tr key={one.nonce}>
              <td title={one.time}>{formatTime(Date.parse(one.time))}</td>
              <td>{organisation}</td>
              <td>{amount(one.amount_atomic)}</td>
              <td>signed transfer, {one.state}</td>
              <td>{one.payer}</td>
            </tr>
          )),
          ...data.map((one) => (
            <tr key={one.id}>
              <td title={one.time}>{formatTime(Date.parse(one.time))}</td>
              <td>{organisation}</td>
              <td>{amount(one.amount_atomic)}</td>
              <td>{one.id}</td>
              <td>{one.detail}</td>
            </tr>
          )),
        ])}
      </Table>
      <Form
        submit="Book credit"
        onSubmit={({ organisation, reference, amount: value }) =>
          act(async (it) => it.putCredit({ organisation, ...(value && { reference, amount_atomic: toAtomic(value) }) }))
        }
      >
        <Field name="organisation" label="Organisation" value={first} />
        <Field name="reference" label="Reference" isOptional />
        <Field name="amount" label="Credit, OGONG; below 0 takes back" isOptional />
      </Form>
      <Form submit="Pay in" onSubmit={sign}>
        <Field name="organisation" label="Organisation that is paid for" value={first} />
        <Field name="amount" label="Tokens, OGONG, signed by this browser's wallet" isOptional />
        <Field name="transfer" label="Or a signed transfer, as JSON" isOptional />
      </Form>
      <p class="note">
        The signer of a transfer pays no gas: the gateway sends it, and credits it after enough blocks.
      </p>
    </Card>
  );
}

function MoneyCells({ money }: { money: Money }) {
  const { budget_atomic: budget, spent_atomic: spent, reserved_atomic: reserved, left_atomic: left } = money;
  const show = (value: string | null) => (value === null ? 'no limit' : <Amount atomic={BigInt(value)} />);
  return (
    <>
      <td>{show(budget)}</td>
      <td>{show(spent)}</td>
      <td>{show(reserved)}</td>
      <td>{show(left)}</td>
    </>
  );
}

/** An action without undo needs a second press. */
function Action({ label, onAct, children }: { label: string; onAct: () => void; children: ComponentChildren }) {
  const [isAsked, setAsked] = useState(false);
  return (
    <button
      type="button"
      class={isAsked ? 'small' : 'quiet small'}
      aria-label={isAsked ? `${label}: yes, really` : label}
      onBlur={() => setAsked(false)}
      onClick={() => {
        setAsked(!isAsked);
        if (isAsked) onAct();
      }}
    >
      {isAsked ? 'Really?' : children}
    </button>
  );
}

/** The API wants the secret in a header, so a plain link does not do. */
function SaveCsv({ act }: { act: Act }) {
  const save = async (api: AdminApi): Promise<object> => {
    saveFile('usage.csv', 'text/csv', await api.usageCsv());
    return {};
  };
  return (
    <button type="button" class="quiet small" onClick={() => void act(save)}>
      Save as CSV
    </button>
  );
}

function Form({
  submit,
  onSubmit,
  children,
}: {
  submit: string;
  /** @returns whether it succeeded; otherwise the input stays. */
  onSubmit: (fields: Readonly<Record<string, string>>) => Promise<boolean>;
  children: ComponentChildren;
}) {
  return (
    <form
      class="fields"
      onSubmit={(event) => {
        event.preventDefault();
        const form = event.currentTarget;
        const fields = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()] as const);
        void onSubmit(Object.fromEntries(fields)).then((isDone) => isDone && form.reset());
      }}
    >
      {children}
      <button type="submit">{submit}</button>
    </form>
  );
}

function Field({
  name,
  label,
  value = '',
  isSecret = false,
  isOptional = false,
}: {
  name: string;
  label: string;
  value?: string;
  isSecret?: boolean;
  isOptional?: boolean;
}) {
  const id = useId();
  const rest = { id, name, required: !isOptional, autocomplete: 'off', spellcheck: false } as const;
  return (
    <div>
      <label for={id}>{label}</label>
      {isSecret ? <input {...rest} type="password" /> : <input {...rest} type="text" defaultValue={value} />}
    </div>
  );
}
