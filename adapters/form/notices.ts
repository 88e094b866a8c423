import { cut } from '../../core/base/text.ts'
import { type Refusal, REFUSALS } from '../../core/base/refusal.ts'
import type { Notice } from './page.ts'
import type { TokenCheck } from './token.ts'

/**
 * Messages for people when a form is not accepted or not shown. The readers did not set it up, so each says what they
 * can do.
 */

export const FORM_NOT_FOUND: Notice = {
  heading: 'Form not found',
  words: 'The address may have been copied in part, or the form no longer exists. Ask the person who sent it to you.',
}
export const FORM_NOT_ALLOWED: Notice = {
  heading: 'This form is not for everywhere',
  words:
    'It can be filled in from certain networks only, and you are not in one of them. You may need to be in the office, or to turn on a VPN.',
}
export const FORM_CLOSED: Notice = {
  heading: 'This form is closed',
  words: 'It takes no answers at the moment.',
}
export const FORM_TOO_LONG: Notice = {
  heading: 'This is longer than can be taken',
  words: 'Go back, shorten it, and send it again.',
}
export const FORM_QUERY_UNREADABLE: Notice = {
  heading: 'This address cannot be read',
  words: 'The values in it are not in UTF-8. Ask the person who sent it to you.',
}
export const FORM_FAILED: Notice = {
  heading: 'Something went wrong',
  words: 'That is our fault, and it has been noted. Go back and try it again in a minute.',
}
export const FORM_FROM_OTHER_PAGE: Notice = {
  heading: 'Please send it from here',
  words: 'This came from another page, so it was not taken. If it is what you want to send, send it now.',
}

/** Messages by the reason why a token is invalid. */
export const TOKEN_NOTICES: { readonly [W in Extract<TokenCheck, { readonly wrong: string }>['wrong']]: Notice } = {
  absent: {
    heading: 'Please send it once more',
    words:
      'We could not verify that this came from our page. That needs a cookie: if this happens again, allow cookies for this site. What you wrote is still here.',
  },
  old: {
    heading: 'This page was open for a long time',
    words: 'Nothing was sent. What you wrote is still here: look over it, and send it.',
  },
  foreign: {
    heading: 'Please send it once more',
    words:
      'We could not verify that this came from our page, so nothing was sent. If this is what you want to send, send it now.',
  },
}

/** The notice that a form takes no files. Without it, someone who attached one would assume that it arrived. */
export function ignoredFiles(fields: readonly string[]): Notice {
  const which = [...new Set(fields)].map((name) => cut(name, 64)).join(', ')
  return {
    heading: 'Files cannot be sent here',
    words: `Nothing was taken, because there was a file with it (${which}). Send it without.`,
  }
}

const LATER: Notice = {
  heading: 'This could not be taken just now',
  words: 'What you wrote is still here: send it again in a minute. It will not count twice.',
}

/** The message of a refusal for the person who has filled in the form. */
export function noticeOf({ refused, details }: Refusal): Notice {
  switch (refused) {
    case 'RATE_LIMITED':
      return {
        heading: 'Sent too often',
        words:
          `This form has been sent more often than its limit allows. What you wrote is still here: send it again in ${
            waitOf(details)
          }.`,
      }
    case 'IDEMPOTENCY_MISMATCH':
      return {
        heading: 'You have sent this form already',
        words: 'You sent it before with other answers. To send these as well, send it again.',
      }
    case 'PAYLOAD_TOO_LARGE':
      return { ...FORM_TOO_LONG, words: 'What you wrote is still here: shorten it, and send it again.' }
    case 'UNSUPPORTED_MEDIA_TYPE':
      return {
        heading: 'This cannot be read',
        words: 'A form is sent as application/x-www-form-urlencoded or as multipart/form-data.',
      }
    case 'INVALID_PAYLOAD':
      return {
        heading: 'This cannot be read',
        words: 'What arrived was not whole, or not in UTF-8. Please fill it in and send it again.',
      }
    default:
      return REFUSALS[refused].retry ? LATER : {
        heading: 'This cannot be taken at present',
        words: 'This form is not set up correctly. Please tell the person who sent it to you.',
      }
  }
}

function waitOf({ cooldown_remaining, retry_after_ms }: Refusal['details']): string {
  const seconds = typeof cooldown_remaining === 'number'
    ? cooldown_remaining
    : Math.max(1, Math.ceil(Number(retry_after_ms ?? 1_000) / 1_000))
  if (seconds < 120) return seconds === 1 ? '1 second' : `${seconds} seconds`
  if (seconds < 7_200) return `${Math.ceil(seconds / 60)} minutes`
  return `${Math.ceil(seconds / 3_600)} hours`
}
