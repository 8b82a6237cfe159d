# Copyright 2026 The portcache authors
# Distributed under the terms of the GNU General Public License v3 or later

EAPI=8

inherit acct-user

DESCRIPTION="User of the portcache service"
ACCT_USER_ID=-1
ACCT_USER_GROUPS=( portcache )

acct-user_add_deps
