import type { MessageInitShape } from '@bufbuild/protobuf';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseAnnouncement, type SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { HandSupplyResponseSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

export type SupplyAnswer = MessageInitShape<typeof HandSupplyResponseSchema>;

export interface HandingNetwork {
  /** What the honest router hands to whoever asks. */
  readonly copySupply: () => Promise<readonly SignedAnnouncement[]>;
  /** Rivals begin to announce themselves to the honest router of the exchange. */
  readonly joinHonest: () => Promise<void>;
  /** Announcements of keys that the liar has made up. */
  readonly invent: () => readonly SignedAnnouncement[];
  /** What the liar answers from now on. */
  readonly say: (answer: SupplyAnswer) => void;
  /** The attacked router asks its peers. */
  readonly exchange: () => Promise<void>;
  /** Whom it draws from, in hex. */
  readonly listDrawn: () => Promise<readonly string[]>;
}

export interface HandingOutcome {
  /** Rivals, in hex. */
  readonly rivals: readonly string[];
  /** Whom the attacked router draws from after each lie. */
  readonly drawn: Readonly<Record<'withheld' | 'calledGone' | 'bent' | 'flooded', readonly string[]>>;
}

/** Exchanges within which a lie has to be over. */
const PATIENCE = 2;

/** A router that others ask for supply keeps rivals of its friends out of their lists. */
export const lyingPeerRouter: ProtocolAttack<HandingNetwork, Promise<HandingOutcome>> = {
  name: 'lying-peer-router',
  adversary: 'router that alters announcements, removes a rival or fills the list',
  aim: 'lead the gateways of another router to its friends, or away from others',
  stoppedBy:
    "Provider and payee sign an announcement, and a router's removal counts only for entries that it forwarded",
  restarts: { none: 'a router keeps what others handed on in memory, and asks again' },
  async play({ copySupply, joinHonest, invent, say, exchange, listDrawn }, breaks = NO_BREAKS) {
    const copied = await copySupply();
    const exchangeAll = async (): Promise<readonly string[]> => {
      for (let i = 0; i < PATIENCE; i++) await exchange();
      return listDrawn();
    };
    // Whoever hands an announcement on first is believed about its provider.
    say({ announcements: [...copied] });
    await exchange();
    await joinHonest();
    say({ gone: Buffer.concat(copied.map((one) => idOf(one).subarray(0, 8))) });
    const calledGone = await exchangeAll();
    await breaks.take();
    say({});
    const withheld = await exchangeAll();
    say({ announcements: copied.map(bend) });
    const bent = await exchangeAll();
    say({ announcements: [...invent()] });
    const flooded = await exchangeAll();
    return { rivals: copied.map((one) => toHex(idOf(one))), drawn: { withheld, calledGone, bent, flooded } };
  },
};

const idOf = ({ announcement }: SignedAnnouncement): Uint8Array => parseAnnouncement(announcement).providerId;

/** Another address in it. */
function bend(signed: SignedAnnouncement): SignedAnnouncement {
  const announcement = Uint8Array.from(signed.announcement);
  const at = Buffer.from(announcement).indexOf(parseAnnouncement(announcement).endpoint);
  announcement.set(Buffer.from('9'), at);
  return { ...signed, announcement };
}
