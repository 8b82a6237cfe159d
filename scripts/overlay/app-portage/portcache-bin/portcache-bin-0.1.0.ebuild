# Copyright 2026 The portcache authors
# Distributed under the terms of the GNU General Public License v3 or later

EAPI=8

inherit shell-completion systemd

DESCRIPTION="Pull-through cache server for Gentoo distfiles (executable of a release)"
HOMEPAGE="https://github.com/xarblu/portcache"
MY_P="portcache-${PV}"
MY_URI="https://github.com/xarblu/portcache/releases/download/v${PV}/${MY_P}-linux"
SRC_URI="
	amd64? (
		elibc_glibc? (
			cpu_flags_x86_avx2? ( ${MY_URI}-x64.tar.xz )
			!cpu_flags_x86_avx2? ( ${MY_URI}-x64-baseline.tar.xz )
		)
		elibc_musl? (
			cpu_flags_x86_avx2? ( ${MY_URI}-x64-musl.tar.xz )
			!cpu_flags_x86_avx2? ( ${MY_URI}-x64-musl-baseline.tar.xz )
		)
	)
	arm64? (
		elibc_glibc? ( ${MY_URI}-arm64.tar.xz )
		elibc_musl? ( ${MY_URI}-arm64-musl.tar.xz )
	)
"
S="${WORKDIR}/${MY_P}"

# The executable holds the JavaScript runtime bun, which links JavaScriptCore.
LICENSE="GPL-3+ Apache-2.0 BSD LGPL-2+ MIT"
SLOT="0"
KEYWORDS="-* ~amd64 ~arm64"
IUSE="cpu_flags_x86_avx2"
# strip would remove the program, which is in a section of its own.
RESTRICT="strip"

RDEPEND="
	acct-group/portcache
	acct-user/portcache
	app-shells/bash
	sys-apps/bubblewrap
"

QA_PREBUILT="usr/bin/portcache"

src_install() {
	dobin portcache
	newinitd portcache.initd portcache
	newconfd portcache.confd portcache
	systemd_dounit portcache.service
	insinto /etc/logrotate.d
	newins portcache.logrotate portcache

	# It may hold the token that allows changes.
	insinto /etc/portcache
	insopts -m0640
	doins portcache.toml

	doman share/man/man1/portcache.1 share/man/man5/portcache.toml.5
	dobashcomp share/bash-completion/completions/portcache
	dozshcomp share/zsh/site-functions/_portcache
	dofishcomp share/fish/vendor_completions.d/portcache.fish
	dodoc -r README.md CHANGELOG.md NOTICES docs
}

pkg_preinst() {
	# The service has to read it. The group is that of the root it is installed into, which may be another's.
	local group=$(sed -n 's/^portcache:[^:]*:\([0-9]*\):.*/\1/p' "${EROOT}/etc/group")
	[[ -z ${group} ]] || chown "0:${group}" "${ED}/etc/portcache/portcache.toml" || die
}

pkg_postinst() {
	[[ -n ${REPLACING_VERSIONS} ]] && return
	elog "Start it, now and at boot:"
	elog "  rc-service portcache start && rc-update add portcache default"
	elog "or, with systemd: systemctl enable --now portcache"
	elog "On each client, one line in /etc/portage/mirrors:"
	elog "  local http://NAME-OF-THIS-BOX:8000"
}
