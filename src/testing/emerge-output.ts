/**
 * Holds the output of a real `emerge --pretend --fetchonly` (portage 3.0.82) for an ebuild whose one file is renamed, one with
 * RESTRICT=mirror, and two with RESTRICT=fetch; hosts replaced.
 */
export const EMERGE_PRETEND_FETCHONLY = `
These are the packages that would be fetched, in order:


>>> Downloading 'https://distfiles.gentoo.org/distfiles/layout.conf'
--2026-11-27 04:07:10--  https://distfiles.gentoo.org/distfiles/layout.conf
Connecting to distfiles.gentoo.org... connected.
HTTP request sent, awaiting response... 200 OK
Length: 45 [application/octet-stream]
Saving to: ‘/var/cache/distfiles/.layout.conf.distfiles.gentoo.org.__download__’

     0K                                                       100% 8.54M=0s

2026-11-27 04:07:10 (8.54 MB/s) - ‘/var/cache/distfiles/.layout.conf.distfiles.gentoo.org.__download__’ saved [45/45]

https://distfiles.gentoo.org/distfiles/5a/one-1.tar.gz https://example.org/x/v1.tar.gz 

https://distfiles.gentoo.org/distfiles/7a/two-1.patch https://example.org/two-1.patch 

https://example.org/x/v7.tar.gz 

https://mirror.example.org/a/plain.zip https://mirror.example.org/b/plain.zip 



!!! app-misc/hand-1 has fetch restriction turned on.
!!! This probably means that this ebuild's files must be downloaded
!!! manually.  See the comments in the ebuild for more information.

 * The following files cannot be fetched for hand:
 *    h-1.tar.gz

>>> Failed to emerge app-misc/hand-1



!!! app-misc/bare-1 has fetch restriction turned on.
!!! This probably means that this ebuild's files must be downloaded
!!! manually.  See the comments in the ebuild for more information.

 * The following files cannot be fetched for bare:
 *    b-1.tar.gz

>>> Failed to emerge app-misc/bare-1
 * 
 * The following 2 packages have failed to build, install, or execute
 * postinst:
 * 
 *  (app-misc/hand-1:0/0::gentoo, ebuild scheduled for merge)
 *  (app-misc/bare-1:0/0::gentoo, ebuild scheduled for merge)
 * 
`;
