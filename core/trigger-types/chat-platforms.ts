import { weaknessOf } from '../base/secret.ts'

/** The rules of a chat platform. `adapters/chat/` has a file for each, which verifies and reads its requests. */
interface ChatPlatformRules {
  /** Anybody can write to a bot, or invite it to a room of their own: a trigger must name those who may start it. */
  readonly anybodyCanWrite: boolean
  /** The platform makes the key that its requests are verified with. Otherwise we make one, and the platform is given it. */
  readonly makesItsKey: boolean
  /** The form of the key and its description; `flaw` says why a key of this form is no good all the same. */
  readonly key: { readonly form: RegExp; readonly words: string; readonly flaw?: (key: string) => string | null }
}

/** Every chat platform that a trigger may listen to. */
const CHAT_PLATFORMS = {
  slack: {
    anybodyCanWrite: false,
    makesItsKey: true,
    key: { form: /^[!-~]{16,256}$/, words: 'the signing secret of the Slack app' },
  },
  telegram: {
    anybodyCanWrite: true,
    makesItsKey: false,
    key: {
      form: /^[A-Za-z0-9_-]{16,256}$/,
      words: '16 to 256 letters, digits, hyphens and underscores',
      flaw: weaknessOf,
    },
  },
  teams: {
    anybodyCanWrite: false,
    makesItsKey: true,
    // 256 bits.
    key: { form: /^[A-Za-z0-9+/]{43}=$/, words: 'the security token that Teams showed, in base64' },
  },
  discord: {
    anybodyCanWrite: true,
    makesItsKey: true,
    key: {
      form: /^[0-9a-f]{64}$/i,
      words: 'the public key of the Discord application, 64 hexadecimal digits',
      flaw: (key) => isForgeable(key) ? 'is not the public key of an application: anybody could sign for it' : null,
    },
  },
} as const satisfies Record<string, ChatPlatformRules>
export type ChatPlatformName = keyof typeof CHAT_PLATFORMS

/** Their names. */
export const CHAT_PLATFORM_NAMES = Object.keys(CHAT_PLATFORMS) as readonly ChatPlatformName[]

/** The rules of a platform. */
export function chatPlatformOf(name: ChatPlatformName): ChatPlatformRules {
  return CHAT_PLATFORMS[name]
}

/** The reason why requests of the platform cannot be verified with this key; null if they can. */
export function problemWithChatKey(platform: ChatPlatformName, key: string): string | null {
  const { form, words, flaw = () => null } = chatPlatformOf(platform).key
  return form.test(key) ? flaw(key) : `must be ${words}`
}

/** The prime of the curve that Ed25519 is on. */
const P = 2n ** 255n - 19n
/** The points of order 1, 2, 4 and 8, by their y. With one of them as its key almost any signature is a valid one. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  P - 2707385501144840649318225287225658788936804267575313519463743609750303402022n,
])

/** True if signatures for a public key of Ed25519 can be made without its private key. */
function isForgeable(key: string): boolean {
  // Little-endian, and the topmost bit is the sign of x.
  const y = BigInt(`0x${key.match(/../g)?.toReversed().join('') ?? '0'}`) & (2n ** 255n - 1n)
  return SMALL_ORDER.has(y % P)
}
