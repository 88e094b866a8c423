/** A key that has to be known itself, because what is signed with it is to be checked; and how, where that is up to us. */
export interface SigningKey {
  readonly key: string
  readonly header: string
  readonly algorithm: 'sha1' | 'sha256' | 'sha512'
  readonly encoding: 'hex' | 'base64'
  readonly prefix: string
}
