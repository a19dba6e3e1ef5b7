import { findAll } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { AuditEntry } from './account-rows.ts';
import type { Accounts } from './accounts.ts';
import { type CreditEntry, creditRow } from './credit-store.ts';
import { listSignedDeposits, type SignedDeposit } from './signed-deposits.ts';
import { nameAccount } from './spending-store.ts';

/** A line of the log: of a change of accounts, or of their credit. */
export interface LogLine extends Omit<AuditEntry, 'id'> {
  readonly id: number | string;
}

/**
 * All changes, the newest first. Credit is a ledger of entries, and each entry is written together with the credit that it gives.
 * So no entry can be missing. @param organisation undefined for all.
 */
export async function listChanges(
  { accounts, books }: { readonly accounts: Pick<Accounts, 'listAudit'>; readonly books: WorkStore },
  organisation: string | undefined,
  limit: number,
): Promise<LogLine[]> {
  const account = organisation === undefined ? undefined : nameAccount(organisation);
  const select = `SELECT ${creditRow.list} FROM credits WHERE account`;
  const [lines, credits, transfers] = await Promise.all([
    accounts.listAudit(organisation, limit),
    books.read(() =>
      account === undefined
        ? findAll(creditRow, `${select} LIKE ? ORDER BY made_ms DESC, id LIMIT ?`, `${nameAccount('')}%`, limit)
        : findAll(creditRow, `${select} = ? ORDER BY made_ms DESC, id LIMIT ?`, account, limit),
    ),
    books.read(() => listSignedDeposits(account)),
  ]);
  const all = [...lines, ...credits.map(toCreditLine), ...transfers.map(toTransferLine)];
  return all.sort((one, other) => other.timeMs - one.timeMs).slice(0, limit);
}

const findOrganisation = (account: string): string => account.slice(nameAccount('').length);

const KIND = /^([a-z]+):/;

function toCreditLine({ id, account, amountAtomic, detail, madeMs }: CreditEntry): LogLine {
  const [, by] = /^by (.+)$/.exec(detail) ?? [];
  const [, kind = 'gateway'] = KIND.exec(id) ?? [];
  const action = amountAtomic < 0n ? 'credit taken back' : 'credit added';
  const words = `${amountAtomic} atomic units${by === undefined && detail !== '' ? `, ${detail}` : ''}`;
  return {
    ...{ id: `credit ${id}`, timeMs: madeMs, actor: by ?? kind, action, target: id, detail: words },
    organisation: findOrganisation(account),
  };
}

const toTransferLine = ({ payer, nonce, account, amountAtomic, actor, state, madeMs }: SignedDeposit): LogLine => ({
  ...{ id: `transfer ${payer} ${nonce}`, timeMs: madeMs, actor, action: 'signed transfer handed in', target: payer },
  ...{ organisation: findOrganisation(account), detail: `${amountAtomic} atomic units, ${state}` },
});
