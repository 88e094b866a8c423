import { expect, test } from 'vitest'
import { problemWithAddress, problemWithUrl } from '../../../outgoing/address.ts'

/** Refused addresses of webhooks, in every known spelling, one per line. */
const REFUSED = `
  this machine
    https://127.0.0.1/
    https://127.0.0.1:8443/hook
    https://127.1/
    https://127.0.1/
    https://127.255.255.254/
    https://2130706433/
    https://0x7f000001/
    https://0x7f.1/
    https://0x7F.0x0.0x0.0x1/
    https://0177.0.0.1/
    https://017700000001/
    https://00000177.1/
    https://127.0.0.1./
    https://①②⑦.⓪.⓪.①/
    https://127。0。0。1/
    https://１２７.0.0.1/
    https://%31%32%37.0.0.1/
    https://localhost/
    https://LOCALHOST/
    https://localhost./
    https://localhost../
    https://localhost:8443/
    https://app.localhost/
    https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/
    https://%6c%6f%63%61%6c%68%6f%73%74/
    https://0/
    https://0.0.0.0/
    https://0.1.2.3/
    https://[::]/
    https://[::1]/
    https://[0:0:0:0:0:0:0:1]/
    https://[0000::0001]:8443/
    https://[::127.0.0.1]/
    https://[::7f00:1]/
    https://[::ffff:127.0.0.1]/
    https://[::ffff:7f00:1]/
    https://[0:0:0:0:0:ffff:127.0.0.1]/
    https://[::ffff:0:127.0.0.1]/
    https:///127.0.0.1/
    https:\\\\127.0.0.1/
    https:127.0.0.1
  its network
    https://10.0.0.1/
    https://10.1/
    https://167772161/
    https://172.16.0.1/
    https://172.31.255.255/
    https://192.168.0.1/
    https://3232235521/
    https://0xc0.0xa8.0x0.0x1/
    https://100.64.0.1/
    https://100.127.255.255/
    https://169.254.0.1/
    https://[fc00::1]/
    https://[fd12:3456:789a::1]/
    https://[fe80::1]/
    https://[febf::1]/
    https://[fec0::1]/
    https://[::ffff:192.168.0.1]/
    https://[::ffff:c0a8:1]/
    https://intranet/
    https://orchestrator.local/
    https://printer.lan/
    https://db.internal/
    https://router.home.arpa/
  the service that hands out keys
    https://169.254.169.254/latest/meta-data/
    https://2852039166/
    https://0xa9fea9fe/
    https://0xA9.0xFE.0xA9.0xFE/
    https://0251.0376.0251.0376/
    https://025177524776/
    https://169.254.43518/
    https://169.16689662/
    https://[::ffff:169.254.169.254]/
    https://[::ffff:a9fe:a9fe]/
    https://[fd00:ec2::254]/
    https://[fe80::a9fe:a9fe]/
    https://100.100.100.200/
    https://168.63.129.16/
    https://metadata.google.internal/
    https://metadata/
    https://169.254.170.2/
  by way of another address
    https://[64:ff9b::7f00:1]/
    https://[64:ff9b::169.254.169.254]/
    https://[64:ff9b:1::a00:1]/
    https://[2002:7f00:1::]/
    https://[2002:a9fe:a9fe::1]/
    https://[2001::1]/
    https://[2001:0:0:0:0:0:f5ff:fffe]/
  nobody in particular
    https://224.0.0.1/
    https://255.255.255.255/
    https://240.0.0.1/
    https://192.0.0.8/
    https://192.0.2.1/
    https://198.18.0.1/
    https://198.51.100.1/
    https://203.0.113.1/
    https://[ff02::1]/
    https://[2001:db8::1]/
    https://[100::1]/
    https://[3fff::1]/
    https://[4000::1]/
  somebody else than it seems
    https://user@example.com/
    https://user:password@example.com/
    https://:password@example.com/
    https://example.com@127.0.0.1/
    https://example.com%40127.0.0.1/
    https://example.com:443@127.0.0.1/
    https://127.0.0.1#@example.com/
    https://127.0.0.1\\@example.com/
    https://127.0.0.1?@example.com/
  another service
    https://example.com:22/
    https://example.com:25/
    https://example.com:53/
    https://example.com:0/
    https://example.com:1/
    https://example.com:1023/
  another way
    http://example.com/
    HTTP://example.com/
    ftp://example.com/
    file:///etc/passwd
    gopher://127.0.0.1:6379/_INFO
    dict://127.0.0.1:11211/
    ws://example.com/
    data:text/plain,hello
    javascript:alert(1)
    blob:https://example.com/1
    //example.com/
    example.com
  nothing at all
    https://
    https:// /
    https://exa mple.com/
    https://example.com:99999/
    https://[::1%25eth0]/
    https://[::1/
    https://256.256.256.256/
    https://4294967296/
    https://1.2.3.4.5/
    https://localhost%00.example.com/
    https://%/
`.split('\n').filter((line) => line.startsWith('    ')).map((line) => line.slice(4))

const ALLOWED = [
  'https://example.com/',
  'https://example.com/a/b?c=d#e',
  'https://hooks.example.co.uk:8443/x',
  'https://example.com:443/',
  'https://EXAMPLE.com./',
  'https://8.8.8.8/',
  'https://134744072/',
  'https://[2606:4700:4700::1111]/',
  'https://xn--bcher-kva.example.com/',
  'https://bücher.example.com/',
  'https://localhost.example.com/',
  'https://1e100.net/',
  '  https://example.com/\n',
]

test('there are more than sixty spellings', () => {
  expect(new Set(REFUSED).size).toBe(REFUSED.length)
  expect(REFUSED.length).toBeGreaterThan(100)
})

test.each(REFUSED)('a webhook may not be at %s', (url) => {
  expect(problemWithUrl(url, false)).toMatch(/\w/)
})

test.each(ALLOWED)('a webhook may be at %s', (url) => {
  expect(problemWithUrl(url, false)).toBeNull()
})

test('in a lab a webhook may be anywhere, but it is HTTP, and tells no password', () => {
  const problem = (url: string) => problemWithUrl(url, true)
  expect(['http://127.0.0.1:1/', 'https://intranet/', 'http://[::1]:9/'].map(problem)).toEqual([null, null, null])
  for (const url of ['http://a:b@127.0.0.1/', 'file:///etc/passwd', 'ftp://intranet/', 'x']) {
    expect(problem(url), url).not.toBeNull()
  }
})

test('what a resolver says is looked at in the same way', () => {
  for (const address of ['10.0.0.1', '::1', '::ffff:10.0.0.1', '169.254.169.254', 'fe80::1%eth0', 'nonsense', '']) {
    expect(problemWithAddress(address), address).not.toBeNull()
  }
  expect(['93.184.216.34', '2606:4700::1'].map(problemWithAddress)).toEqual([null, null])
})
